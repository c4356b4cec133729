from models.rubric_rules import MOST, assign_keys, first_not_rising, slug


def test_a_key_is_made_of_the_title() -> None:
    assert slug("Opens with the buyer's problem") == "opens-with-the-buyer-s-problem"


def test_accents_are_dropped_from_a_key() -> None:
    assert slug("Überzeugt, bündig") == "uberzeugt-bundig"


def test_a_title_without_letters_has_a_key_as_well() -> None:
    assert slug("???") == "criterion"


def test_a_long_title_leaves_room_for_a_number() -> None:
    assert len(assign_keys([(None, "a" * 200), (None, "a" * 200)], {})[1]) <= MOST


def test_two_criteria_of_one_title_have_two_keys() -> None:
    assert assign_keys([(None, "Clear"), (None, "Clear")], {}) == ["clear", "clear-2"]


def test_a_made_key_gives_way_to_a_given_one() -> None:
    assert assign_keys([(None, "Clear"), ("clear", "Brief")], {}) == ["clear-2", "clear"]


def test_the_same_title_keeps_its_key_across_versions() -> None:
    assert assign_keys([(None, "Clear")], {"Clear": "clarity"}, {"clarity"}) == ["clarity"]


def test_a_new_title_does_not_inherit_an_earlier_criterion_by_chance() -> None:
    assert assign_keys([(None, "Opening")], {"Hook": "opening"}, {"opening"}) == ["opening-2"]


def test_levels_rise_strictly() -> None:
    assert (first_not_rising([0, 1, 2.5]), first_not_rising([0, 1, 1]), first_not_rising([2, 1])) == (None, 2, 1)
