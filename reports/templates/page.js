"use strict";
// Tables that sort and filter, and rows that open. Without this the page is whole, but still.
(() => {
  const entries = [...document.querySelectorAll(".entry")];
  const filters = document.getElementById("filters");

  // Filters: one for each attribute of a row by which rows differ.
  const selects = filters ? [...filters.querySelectorAll("select")] : [];
  for (const select of selects) {
    const values = [...new Set(entries.map((entry) => entry.dataset[select.name]))].sort();
    for (const value of values) select.add(new Option(value, value));
    select.closest("label").hidden = values.length < 2;
  }

  function filter() {
    const wanted = selects.filter((select) => select.value);
    for (const entry of entries) {
      entry.hidden = wanted.some((select) => entry.dataset[select.name] !== select.value);
    }
    const shown = entries.filter((entry) => !entry.hidden).length;
    const all = shown === entries.length;
    filters.querySelector("output").textContent = `${shown} of ${entries.length} rows`;
    filters.querySelector("button").disabled = all;
    for (const table of document.querySelectorAll("table.entries")) {
      const left = table.querySelectorAll(".entry:not([hidden])").length;
      table.classList.toggle("emptied", left === 0);
    }
  }

  if (filters && entries.length > 1) {
    filters.hidden = false;
    const reset = () => {
      for (const select of selects) select.value = "";
      filter();
    };
    filters.addEventListener("change", filter);
    filters.querySelector("button").addEventListener("click", reset);
    reset(); // a browser may remember what was chosen before
  }

  // Sorting: a button in each heading; the third click brings back the order of the report.
  function key(entry, column) {
    const cell = entry.rows[0].cells[column];
    const value = cell.dataset.value ?? cell.textContent.trim();
    return value === "" ? null : value;
  }

  function compare(a, b) {
    const difference = Number(a) - Number(b);
    return Number.isNaN(difference) ? a.localeCompare(b) : difference;
  }

  function sort(table, heading, direction) {
    const column = [...heading.parentElement.cells].indexOf(heading);
    const rows = entries.filter((entry) => entry.parentElement === table);
    if (direction) {
      rows.sort((one, other) => {
        const [a, b] = [key(one, column), key(other, column)];
        // What has no value stays at the end, either way.
        if (a === null || b === null) return (a === null) - (b === null);
        return direction * compare(a, b);
      });
    }
    table.append(...rows);
    for (const other of heading.parentElement.cells) other.removeAttribute("aria-sort");
    if (direction) {
      heading.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
    }
  }

  for (const heading of document.querySelectorAll("th[data-sort]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const next = { ascending: -1, descending: 0 }[heading.getAttribute("aria-sort")] ?? 1;
      sort(heading.closest("table"), heading, next);
    });
  }

  // Wide tables of numbers: on a phone their rows become blocks, each cell with its heading. That
  // takes the meaning from table elements, hence the roles.
  for (const table of document.querySelectorAll("table.stacked")) {
    const headings = [...table.tHead.rows[0].cells].map((cell) => cell.textContent.trim());
    table.setAttribute("role", "table");
    for (const row of table.rows) {
      row.setAttribute("role", "row");
      for (const cell of row.cells) {
        const head = cell.tagName === "TH" && (cell.parentElement.parentElement === table.tHead ? "columnheader" : "rowheader");
        cell.setAttribute("role", head || "cell");
        cell.dataset.heading = headings[cell.cellIndex];
      }
    }
  }

  // Rows: a click anywhere opens the evidence; the keyboard has the summary, as without a script.
  document.documentElement.classList.add("scripted");
  for (const entry of entries) {
    const details = entry.querySelector("details");
    if (!details) continue;
    entry.rows[0].addEventListener("click", () => {
      if (!getSelection().toString()) details.open = !details.open;
    });
  }
})();
