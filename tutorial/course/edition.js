"use strict";
(function () {
  var button = document.getElementById("theme");
  if (button) {
    button.hidden = false;
    button.addEventListener("click", function () {
      var now = document.documentElement.dataset.theme
        || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
      document.documentElement.dataset.theme = now === "dark" ? "light" : "dark";
      try { localStorage.setItem("theme", document.documentElement.dataset.theme); } catch (no) { /* this page only */ }
    });
    // What was chosen on another page; a browser may keep nothing of files.
    try {
      var theme = localStorage.getItem("theme");
      if (theme === "dark" || theme === "light") { document.documentElement.dataset.theme = theme; }
    } catch (no) { /* the system's choice */ }
  }
  // A heading may be called like this, too: this one is the box on the page that searches.
  var words = document.querySelector("input#search-words");
  if (!words) { return; }
  var sections = JSON.parse(document.getElementById("sections").textContent);
  var found = document.getElementById("found");
  var count = document.getElementById("count");
  words.addEventListener("input", function () {
    var asked = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    found.textContent = "";
    if (!asked.length) { count.textContent = ""; return; }
    var hits = sections.filter(function (section) {
      var text = (section[2] + " " + section[3]).toLowerCase();
      return asked.every(function (word) { return text.indexOf(word) >= 0; });
    });
    count.textContent = hits.length + (hits.length === 1 ? " section" : " sections");
    hits.slice(0, 50).forEach(function (section) {
      var item = document.createElement("li");
      var link = document.createElement("a");
      link.href = section[0] + (section[1] ? "#" + section[1] : "");
      link.textContent = section[2];
      var at = section[3].toLowerCase().indexOf(asked[0]);
      var excerpt = document.createElement("div");
      excerpt.textContent = section[3].slice(Math.max(0, at - 60), at + 120);
      item.append(link, excerpt);
      found.append(item);
    });
  });
  words.focus();
})();
