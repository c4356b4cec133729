// The API, spoken to as openapi/README.md advises: what got no answer is sent again.

export class Refused extends Error {
  constructor(answer, problem) {
    super(problem?.detail ?? `The server answered ${answer.status}.`);
    this.status = answer.status;
    this.problem = problem;
  }
}

export class Client {
  /** Who is signed in is known again after a reload. */
  constructor(store = sessionStorage) {
    this.store = store;
  }

  get signedIn() {
    return this.store.getItem("access") !== null;
  }

  async signIn(account) {
    this.#keep(await this.call("POST", "/auth/sign-in", account));
  }

  async call(method, path, body) {
    for (let tried = 0; ; tried++) {
      const answer = await this.#send(method, path, body).catch(() => null);
      if (answer === null || answer.status === 429 || answer.status >= 500) {
        await pause(tried);
      } else if (answer.status === 401 && !path.startsWith("/auth/")) {
        this.#keep(await this.call("POST", "/auth/refresh", { refresh_token: this.store.getItem("refresh") }));
      } else {
        const content = answer.status === 204 ? null : await answer.json();
        if (!answer.ok) throw new Refused(answer, content);
        return content;
      }
    }
  }

  #send(method, path, body) {
    const headers = {};
    if (this.signedIn && !path.startsWith("/auth/")) headers.authorization = `Bearer ${this.store.getItem("access")}`;
    if (body !== undefined) headers["content-type"] = "application/json";
    return fetch(`/v1${path}`, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  }

  #keep(tokens) {
    this.store.setItem("access", tokens.access_token);
    this.store.setItem("refresh", tokens.refresh_token);
  }
}

/** A second, two, four, up to ten; at once when the network comes back. */
function pause(tried) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      resolve();
    };
    const timer = setTimeout(done, Math.min(10, 2 ** tried) * 1000);
    addEventListener("online", done);
  });
}
