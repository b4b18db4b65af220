/* Makes the pages of a synchronization quicker to work with; everything works without it.

   A form marked data-live is sent as it would be anyway. Of the page that comes back, the parts (data-part) that differ
   take the place of those that are shown. Choices are sent as they are made, a search (data-filter) as it is typed.
   What is announced (data-announce) is said by the page's status. A page marked data-poll is asked for again. */
"use strict";

(() => {
  const PAUSE = 350; // milliseconds without a key, after which a search is sent
  const PATIENCE = 3; // how many times as long progress waits after a failure
  const status = document.getElementById("status");

  /* Says what happened, and to those who only listen also what can be seen elsewhere on the page. */
  const say = (text, heard = "") => {
    if (!status) return;
    const aside = document.createElement("span");
    aside.className = "visually-hidden";
    aside.textContent = heard;
    status.replaceChildren(text, " ", aside);
  };
  const word = name => (status && status.dataset[name]) || "";
  const announced = root => Array.from(root.querySelectorAll("[data-announce]"), each => each.textContent).join(" ");

  // -- taking in a page

  const idsInside = part => Array.from(part.querySelectorAll("[data-part]"), each => each.id).join(" ");
  const isTypedIn = part => part.contains(document.activeElement) && document.activeElement.type === "search";

  /* A part stays when it is the same, when somebody types in it, and when only parts inside it may differ: so what
     somebody reads, writes or has opened is not taken from them. */
  const adopt = fresh => {
    for (const part of document.querySelectorAll("[data-part]")) {
      const next = part.isConnected && fresh.getElementById(part.id);
      if (!next || part.isEqualNode(next) || isTypedIn(part)) continue;
      if (!idsInside(part) || idsInside(part) !== idsInside(next)) part.replaceWith(next);
    }
    document.title = fresh.title;
  };

  const ask = async (address, options) => {
    const answer = await fetch(address, { credentials: "same-origin", ...options });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (answer.ok) return { page, url: new URL(answer.url) };
    const told = page.querySelector(".failure h1, main [role=alert]");
    throw new Error(told ? told.textContent.trim() : "");
  };

  /* Another page than this one is opened. */
  const takeIn = ({ page, url }) => {
    if (url.pathname === location.pathname) adopt(page);
    else location.assign(url);
    return url.pathname === location.pathname;
  };

  // -- the focus

  /* Where the focus is, in words that still hold when the part around it has been replaced. */
  const placeOf = element => {
    const exact = ["name", "value"].filter(each => element.hasAttribute(each));
    const like = (name, value) => `[${name}="${CSS.escape(value)}"]`;
    const around = element.closest("section[id]");
    const near = around ? `#${CSS.escape(around.id)} ` : "";
    const { refocus } = element.dataset;
    return [
      element.id && `#${CSS.escape(element.id)}`,
      exact.length && element.localName + exact.map(each => like(each, element.getAttribute(each))).join(""),
      refocus && near + like("name", refocus),
      near && `${near}input:not([type=hidden])`,
    ].filter(Boolean);
  };

  const refocus = place => {
    if (document.activeElement !== document.body) return;
    const found = place.map(each => document.querySelector(each)).find(Boolean);
    if (found) found.focus({ preventScroll: true });
  };

  /* What is said at the lower edge of the screen may have grown over what has the focus. */
  const uncover = () => {
    const bar = document.querySelector(".stuck");
    const { activeElement } = document;
    if (!bar || bar.contains(activeElement) || !activeElement.form) return;
    const covered = activeElement.getBoundingClientRect().bottom > bar.getBoundingClientRect().top;
    if (covered) activeElement.scrollIntoView({ block: "nearest" });
  };

  const goTo = id => {
    const heading = document.getElementById(id);
    if (!heading) return;
    heading.focus({ preventScroll: true });
    heading.scrollIntoView({ block: "nearest" });
  };

  // -- forms

  const addressOf = ({ pathname, search }) => pathname + search;
  let shown = addressOf(location);

  class LiveForm {
    constructor(form) {
      this.form = form;
      this.queue = [];
      this.leaving = null;
      this.timer = 0;
      form.addEventListener("submit", event => this.pressed(event));
      form.addEventListener("change", ({ target }) => this.chosen(target));
      form.addEventListener("input", ({ target }) => this.typed(target));
    }

    pressed(event) {
      clearTimeout(this.timer);
      const leaves = event.submitter && "leaves" in event.submitter.dataset;
      if (leaves && !this.queue.length) return;
      event.preventDefault();
      if (leaves) this.leaving = event.submitter;
      else this.send(event.submitter);
    }

    /* What is under way is waited for: arriving after the next page was made, it would say that page is out of date. */
    leave() {
      const { name, value, isConnected } = this.leaving;
      const button = isConnected ? this.leaving : this.form.querySelector(`button[name="${name}"][value="${value}"]`);
      this.leaving = null;
      this.form.requestSubmit(button);
    }

    chosen(element) {
      if (element.matches("input[type=radio], input[type=checkbox], select[data-filter]")) this.send(null);
    }

    typed(element) {
      if (!element.matches("input[data-filter]")) return;
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.send(null), PAUSE);
    }

    /* One request at a time. The whole form is sent, so a choice made meanwhile goes with the next request, and an
       answer is only taken in when nothing was chosen since: it cannot take a choice back. */
    async send(button) {
      this.queue.push(button);
      if (this.queue.length > 1) return;
      this.form.setAttribute("aria-busy", "true");
      try {
        for (; this.queue.length; this.queue.shift()) await this.sendOne(this.queue[0]);
      } catch (error) {
        this.queue = [];
        say(`${word("failed")} ${error.message}`);
      }
      this.form.removeAttribute("aria-busy");
      if (this.leaving) this.leave();
      document.documentElement.dataset.answers = 1 + Number(document.documentElement.dataset.answers || 0);
    }

    async sendOne(button) {
      const place = placeOf(button || document.activeElement);
      const before = announced(document);
      const fields = new URLSearchParams(new FormData(this.form));
      if (button && button.name) fields.append(button.name, button.value);
      say(word("saving"));
      const answer = await ask(this.form.action, { method: "POST", body: fields });
      if (this.queue.length > 1 || !takeIn(answer)) return;
      const goesTo = button && button.dataset.goesTo;
      answer.url.searchParams.delete("saved");
      if (addressOf(answer.url) !== shown) {
        history[goesTo ? "pushState" : "replaceState"](null, "", answer.url);
        shown = addressOf(answer.url);
      }
      if (goesTo) goTo(goesTo);
      else {
        refocus(place);
        uncover();
      }
      const now = announced(document);
      say(word("saved"), now === before ? "" : now);
    }
  }

  const forms = Array.from(document.querySelectorAll("form[data-live]"), form => new LiveForm(form));
  if (forms.length) {
    addEventListener("popstate", () => {
      if (addressOf(location) === shown) return; // only the place on the page is another
      shown = addressOf(location);
      ask(location.href).then(takeIn).catch(() => location.reload());
    });
  }

  // -- progress

  const progress = document.querySelector("[data-poll]");
  const tenths = () => Array.from(document.querySelectorAll("progress"), bar => Math.floor(10 * bar.position)).join();

  const poll = async () => {
    let seconds = Number(progress.dataset.poll);
    try {
      const before = tenths();
      if (!document.hidden && !takeIn(await ask(location.href))) return;
      if (tenths() !== before) say("", announced(document));
    } catch (error) {
      say(error.message);
      seconds *= PATIENCE;
    }
    setTimeout(poll, 1000 * seconds);
  };
  if (progress) setTimeout(poll, 1000 * Number(progress.dataset.poll));
})();
