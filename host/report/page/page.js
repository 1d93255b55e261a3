// SPDX-License-Identifier: GPL-2.0-or-later
// What all of the page's script uses. The files of this folder are one script: this one, then
// timeline.js, case.js and overview.js.
//
// Whatever comes from a guest becomes a text node or an attribute's value, and never HTML.
'use strict';

// make('a', {href: '#x'}, 'text', node): an element
function make(name, attributes, ...children) {
	return fill(document.createElement(name), attributes, children);
}

// The same for SVG.
function draw(name, attributes, ...children) {
	return fill(document.createElementNS('http://www.w3.org/2000/svg', name), attributes, children);
}

function fill(element, attributes, children) {
	for (const [name, value] of Object.entries(attributes || {}))
		if (value !== undefined && value !== null && value !== false)
			element.setAttribute(name, value === true ? '' : value);
	element.append(...children.flat(Infinity).filter(child => child !== null && child !== undefined));
	return element;
}

function dataOf(id) {
	return JSON.parse(document.getElementById(id).textContent);
}

function count(number, what) {
	return `${number} ${what}${number === 1 ? '' : 's'}`;
}

// "1.23 s", "45.0 ms", "12 µs"
function duration(us) {
	if (us >= 1e6)
		return (us / 1e6).toFixed(us >= 1e8 ? 0 : 2) + ' s';
	if (us >= 1e3)
		return (us / 1e3).toFixed(1) + ' ms';
	return Math.round(us) + ' µs';
}

// Of a log: always in milliseconds, so that lines can be compared.
function moment(us) {
	return (us / 1e6).toFixed(3) + ' s';
}

function bytes(number) {
	if (number >= 1 << 20)
		return (number / (1 << 20)).toFixed(1) + ' MiB';
	if (number >= 1 << 10)
		return (number / (1 << 10)).toFixed(0) + ' KiB';
	return number + ' B';
}

// Worst first.
const verdicts = ['ERROR', 'FAIL', 'FLAKY', 'XFAIL', 'SKIP', 'PASS'];
const cases = dataOf('summaries');

// The same case of the earlier run, where there is one, is `was`.
{
	const before = new Map();
	const key = entry => `${entry.name} ${entry.place}`;

	cases.forEach((entry, index) => {
		entry.index = index;
		if (entry.before)
			before.set(key(entry), entry);
	});
	for (const entry of cases)
		if (!entry.before)
			entry.was = before.get(key(entry));
}

// The cases of the run itself.
const current = cases.filter(entry => !entry.before);

function isRed(verdict) {
	return verdict === 'FAIL' || verdict === 'ERROR' || verdict === 'FLAKY';
}
