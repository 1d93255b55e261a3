// SPDX-License-Identifier: GPL-2.0-or-later
// Uses a page of `ferry report` as a person does: filters, opens a case, looks for the failure's line.
// tests/report.sh puts it after the page's own script, with `expected` before it:
//
//	cases, red	counts
//	program, plan	a red case; no other program has a similar name
//	test		a test that only this program has
//	line		text in the failure's line of the console
//	worse		how many tests got worse, if the page compares with an earlier run
//	timers		how often a timer of the case fired, at least; 0: there is none
//
// It writes the Test Anything Protocol into the page, which Chromium then prints.
'use strict';

const results = [];

function check(what, good, clue) {
	results.push(`${good ? 'ok' : 'not ok'} - ${what}${good || clue === undefined ? '' : ` # ${clue}`}`);
}

function one(selector) {
	return document.querySelector(selector);
}

function all(selector) {
	return [...document.querySelectorAll(selector)];
}

// The page draws a case's axis when a ResizeObserver reports its size. A real one reports when a frame is
// rendered. Chromium's virtual time does not wait for frames, so on a busy machine the page may end before
// there is one. This one reports without a frame.
window.ResizeObserver = class {
	constructor(report) {
		this.report = report;
	}

	observe() {
		setTimeout(this.report, 0);
	}
};

// Does ACTION, and waits until the address has changed and the page has handled that.
function moved(action) {
	return new Promise(done => {
		addEventListener('hashchange', () => setTimeout(done, 0), {once: true});
		action();
	});
}

function shown() {
	return Number(one('[role=status]').textContent.split(' ')[0]);
}

function type(selector, text, event) {
	one(selector).value = text;
	one(selector).dispatchEvent(new Event(event));
}

function checkAnswer() {
	check('the answer is at the top', one('h1').textContent.startsWith(`${expected.red} of ${expected.cases} case`),
		one('h1').textContent);
	check('all cases are shown', shown() === expected.cases, shown());
	check('what got worse is listed', all('.changes tbody tr').length === (expected.worse || 0));
	check('what failed is listed', all('#overview .failed li').length === Math.min(50, expected.red));
}

function checkFilters() {
	const box = one('#verdict-FAIL');

	type('#filter-text', expected.program, 'input');
	check('a program is found by its name', all('.matrix tbody tr').length === 1, shown());
	type('#filter-text', expected.test, 'input');
	check('and by the name of its test', one('.matrix tbody th').textContent === expected.program, shown());
	type('#filter-text', `${expected.test.slice(0, -1)}?`, 'input');
	check('and by a glob', one('.matrix tbody th').textContent === expected.program, shown());
	type('#filter-text', 'no such test', 'input');
	check('what is not there is not shown', shown() === 0 && all('.matrix tbody tr').length === 0);
	type('#filter-text', '', 'input');
	box.click();
	check('verdicts can be hidden', shown() === expected.cases - expected.red, shown());
	box.click();
	type('#filter-plan', expected.plan, 'change');
	check('one plan is shown alone', all('.matrix thead th').length === 2);
	type('#filter-plan', '', 'change');
	check('without filters all are shown again', shown() === expected.cases, shown());
}

async function openCase() {
	const cell = all('.matrix td a').find(link =>
		link.classList.contains('FAIL') && link.title.startsWith(`${expected.program}/${expected.plan}`));

	cell.focus();
	check('a cell can be reached by the keyboard', document.activeElement === cell);
	check('a cell says more than its colour', cell.textContent.includes('fail'), cell.textContent);
	await moved(() => cell.click());
	check('the case is open', !one('#case').hidden && one('#overview').hidden);
	check('its name is the heading', one('#case h1').textContent.includes(`${expected.program}/${expected.plan}`));
	check('a screen reader is taken there', document.activeElement === one('#case'));
}

// In the middle of its upper edge, or BELOW it by so many pixels.
function clickOn(element, below) {
	const box = element.getBoundingClientRect();

	element.closest('svg').dispatchEvent(new MouseEvent('click',
		{clientX: box.left + box.width / 2, clientY: box.top + below}));
}

// A bar may be a pixel wide, and a finger is not.
function checkNearBar(bar) {
	const picked = bar.closest('div').parentElement.querySelector('.picked');

	picked.textContent = '';
	clickOn(bar, -3);
	check('so does a bar that was nearly hit', picked.textContent.includes(': fail'), picked.textContent);
	check('nobody has to hear each bar', all('#case svg > :not([aria-hidden])').length === 0);
}

// What is drawn is there as text, too.
function checkTimers() {
	if (!expected.timers)
		return;
	all('.zoom button').filter(button => button.textContent === 'All').forEach(button => button.click());
	check('timers are on the axis', all('#case svg .fired').length >= expected.timers &&
		all('#case svg .due').length >= expected.timers);
	check('and in a table', all('#case td').some(cell => cell.textContent === 'the PIT on CPU 1'));
	check('and so are the readings of clocks', all('#case td').some(cell => cell.textContent === 'kvmclock on CPU 0'));
	check('a known issue is named', all('#case .known').some(list => list.textContent.includes('pit-late')));
}

function checkCase() {
	const cause = one('#case .log tr.cause');
	const line = one('#case svg line.failure');
	const bar = one('#case svg .test.fail');

	check('the failure has its line of the console', cause && cause.textContent.includes(expected.line),
		cause && cause.textContent);
	check('the failed test is on the axis', bar !== null);
	const x = line ? Number(line.getAttribute('x1')) : -1;
	const left = bar ? Number(bar.getAttribute('x')) : 0;
	const width = bar ? Number(bar.getAttribute('width')) : 0;

	check('the failure is marked within its test', x >= left - 1 && x <= left + width + 1, `${x} in ${left}+${width}`);
	check('a command runs it again', one('.command code').textContent.startsWith(`ferry run ${expected.program} --plan ${expected.plan}`));
	clickOn(bar, 0);
	check('the case is there as often as it ran', all('#case svg').length === (expected.worse ? 2 : 1));
	check('nothing is shown that is no text', !document.body.innerText.includes('[object'));
	check('a bar tells its figures', all('.picked').some(text => text.textContent.includes(': fail')));
	checkNearBar(bar);
	all('.zoom button').findLast(button => button.textContent === 'Around the failure').click();
	check('the axis goes to the failure', one('#case svg line.failure') !== null);
	check(`nothing is wider than the page (${innerWidth})`, document.documentElement.scrollWidth <= innerWidth,
		`${document.documentElement.scrollWidth} in ${innerWidth}`);
}

async function goBack() {
	check('the window is named by the case', document.title.includes(`${expected.program}/${expected.plan}`), document.title);
	await moved(() => one('.back').click());
	check('who comes back goes on at its link', /#case-\d+$/.test(document.activeElement.href), document.activeElement.tagName);
	check('the window has its name again', !document.title.includes(`${expected.program}/${expected.plan}`), document.title);
	check('the way back leads to all cases', !one('#overview').hidden && one('#case').hidden);
	check('nothing is wider than the page there', document.documentElement.scrollWidth <= innerWidth,
		`${document.documentElement.scrollWidth} in ${innerWidth}`);
}

function checkHostile() {
	check('what a guest writes makes no elements', all('img, iframe, object, link, a[href^=javascript]').length === 0);
	check('and runs no script', window.pwned === undefined);
}

// Checks what a screen reader needs.
function checkNames() {
	const labelled = control => control.labels && control.labels.length && control.labels[0].textContent.trim();

	check('each control has a label', all('input, select').every(labelled));
	check('each button has a name', all('button').every(button => button.textContent.trim()));
	check('each heading of a table has a scope', all('th').every(heading => heading.scope));
	check('there is one language and one title', document.documentElement.lang === 'en' && document.title);
}

function luminance(color) {
	const parts = color.match(/[\d.]+/g).slice(0, 3).map(part => part / 255)
		.map(part => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);

	return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
}

// Text of a drawing has a fill, and is on the page's ground or on its bar.
function inkOf(element) {
	const style = getComputedStyle(element);

	return element.namespaceURI.endsWith('svg') ? style.fill : style.color;
}

function ground(element) {
	if (element.matches('svg .name'))
		return getComputedStyle(element.previousElementSibling).fill;

	for (let at = element; at; at = at.parentElement) {
		const color = getComputedStyle(at).backgroundColor;

		if (!/, 0\)$/.test(color))
			return color;
	}
	return 'rgb(255, 255, 255)';
}

// WCAG 2.1, 1.4.3 demands a contrast of 4.5 to 1.
function checkContrast() {
	const worst = all('h1, p, dt, dd, li, a, td, th, label, .verdict, .quiet, svg text').filter(element => element.textContent.trim())
		.map(element => {
			const [dark, light] = [luminance(inkOf(element)), luminance(ground(element))].sort((a, b) => a - b);

			return [(light + 0.05) / (dark + 0.05), `${element.tagName}.${element.getAttribute('class')}`];
		}).sort((a, b) => a[0] - b[0])[0];

	check(`text can be read (${matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'})`, worst[0] >= 4.5, worst);
}

(async () => {
	try {
		checkAnswer();
		checkFilters();
		checkContrast();
		await openCase();
		checkCase();
		checkTimers();
		checkHostile();
		checkNames();
		checkContrast();
		await goBack();
		checkHostile();
	} catch (error) {
		check('the page can be used', false, error.stack.replace(/\s+/g, ' '));
	}
	// The results replace the page.
	const text = `\n${results.join('\n')}\nend of results\n`;

	if (parent === window)
		document.body.replaceChildren(Object.assign(document.createElement('pre'), {textContent: text}));
	else
		parent.postMessage(text, '*');
})();
