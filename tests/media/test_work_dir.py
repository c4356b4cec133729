"""A worker's folder: what a killed worker left in it is ended and removed, what a living one does is left alone."""

import subprocess
from pathlib import Path

from media.jobs.work_dir import PREFIX, own_folder


def left_at_work(folder: Path) -> subprocess.Popen[bytes]:
    """Start what goes on in a folder whose worker is gone, as an ffmpeg does."""
    folder.mkdir(parents=True)
    return subprocess.Popen(["/bin/sleep", "600"], cwd=folder, start_new_session=True)


async def test_what_a_killed_worker_left_at_work_is_ended(tmp_path: Path) -> None:
    dead = tmp_path / "work" / f"{PREFIX}dead"
    with left_at_work(dead / "job-1") as process:
        try:
            async with own_folder(tmp_path / "work") as folder:
                assert process.wait(10) == -9
                assert [path for path in (tmp_path / "work").iterdir() if path.is_dir()] == [folder]
        finally:
            process.kill()


async def test_what_a_living_worker_does_is_left_alone(tmp_path: Path) -> None:
    async with own_folder(tmp_path / "work") as other:
        with left_at_work(other / "job-1") as process:
            try:
                async with own_folder(tmp_path / "work"):
                    assert process.poll() is None
                    assert (other / "job-1").exists()
            finally:
                process.kill()
