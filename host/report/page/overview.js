// SPDX-License-Identifier: GPL-2.0-or-later
// The matrix of programs and plans with its filters, and which of the two views is shown: the
// address ends in #case-N if a case is open, so the browser's back button and links work.
'use strict';

const filters = {text: '', plan: '', verdicts: new Set(verdicts)};

// TEXT may be a glob; without '*' and '?' it is looked for anywhere.
function matcher(text) {
	const glob = text.replace(/[.+^${}()|[\]\\]/g, '\\$&').replace(/\*/g, '.*').replace(/\?/g, '.');

	return new RegExp(/[*?]/.test(text) ? `^${glob}$` : glob, 'i');
}

function isShown(entry, pattern) {
	return filters.verdicts.has(entry.verdict) && (!filters.plan || entry.plan === filters.plan) &&
		(!filters.text || pattern.test(entry.program) || entry.tests.some(test => pattern.test(test)));
}

function worst(entries) {
	return verdicts.find(verdict => entries.some(entry => entry.verdict === verdict));
}

const words = {PASS: 'pass', FAIL: 'fail', ERROR: 'error', XFAIL: 'known', SKIP: 'skip', FLAKY: 'flaky'};

// All results of a program under a plan: of several hosts, or of repeats.
function cell(entries) {
	const verdict = worst(entries);
	const first = entries.find(entry => entry.verdict === verdict);
	const title = `${first.name}: ${verdict}${first.reason ? `: ${first.reason}` : ''}`;
	const was = first.was && first.was.verdict !== verdict ? `${words[first.was.verdict]} → ` : null;

	return make('td', {}, make('a', {class: verdict, href: `#case-${first.index}`, title},
		make('span', {class: 'hidden'}, `${first.program} `), was, words[verdict],
		entries.length > 1 ? ` ×${entries.length}` : null));
}

function drawMatrix(place, tally) {
	const pattern = matcher(filters.text);
	const shown = current.filter(entry => isShown(entry, pattern));
	const plans = [...new Set(shown.map(entry => entry.plan))];
	const programs = new Map();

	for (const entry of shown) {
		if (!programs.has(entry.program))
			programs.set(entry.program, new Map());
		const row = programs.get(entry.program);

		row.set(entry.plan, [...row.get(entry.plan) || [], entry]);
	}
	tally.textContent = `${shown.length} of ${count(current.length, 'case')} shown`;
	place.replaceChildren(make('table', {class: 'matrix'},
		make('caption', {class: 'hidden'}, 'Verdicts of programs (rows) under plans (columns)'),
		make('thead', {}, make('tr', {}, make('th', {scope: 'col'}, 'program'),
			plans.map(plan => make('th', {scope: 'col'}, plan)))),
		make('tbody', {}, [...programs].map(([program, row]) => make('tr', {},
			make('th', {scope: 'row'}, program),
			plans.map(plan => row.has(plan) ? cell(row.get(plan)) : make('td', {})))))));
}

function verdictBoxes(changed) {
	const there = verdicts.filter(verdict => current.some(entry => entry.verdict === verdict));

	return make('fieldset', {class: 'verdicts'}, make('legend', {}, 'Verdict'),
		there.map(verdict => {
			const box = make('input', {type: 'checkbox', id: `verdict-${verdict}`, checked: true});

			box.addEventListener('change', () => {
				filters.verdicts[box.checked ? 'add' : 'delete'](verdict);
				changed();
			});
			return make('label', {}, box, ' ', words[verdict],
				` (${current.filter(entry => entry.verdict === verdict).length})`);
		}));
}

function planChoice(changed) {
	const plans = [...new Set(current.map(entry => entry.plan))];
	const choice = make('select', {id: 'filter-plan'}, make('option', {value: ''}, 'all'),
		plans.map(plan => make('option', {value: plan}, plan)));

	choice.addEventListener('change', () => {
		filters.plan = choice.value;
		changed();
	});
	return make('div', {}, make('label', {for: 'filter-plan'}, 'Plan'), choice);
}

function textInput(changed) {
	const input = make('input', {type: 'search', id: 'filter-text', autocomplete: 'off', spellcheck: 'false'});

	input.addEventListener('input', () => {
		filters.text = input.value.trim();
		changed();
	});
	return make('div', {}, make('label', {for: 'filter-text'}, 'Program or test (* and ? work)'), input);
}

function showOverview() {
	const place = make('div', {class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Matrix of cases'});
	const tally = make('p', {class: 'quiet', role: 'status'});
	const changed = () => drawMatrix(place, tally);

	document.getElementById('matrix').append(make('form', {class: 'filters', role: 'search'},
		verdictBoxes(changed), textInput(changed), planChoice(changed)), tally, place);
	changed();
}

const pageTitle = document.title;
let shownCase = null;

// Who comes back from a case goes on where its link is.
function linkTo(entry) {
	return entry && [...document.querySelectorAll(`#overview a[href="#case-${entry.index}"]`)]
		.find(link => !link.closest('details:not([open])'));
}

// Shows what the address names.
function route(isFirst) {
	const overview = document.getElementById('overview');
	const opened = document.getElementById('case');
	const match = /^#case-(\d+)$/.exec(location.hash);
	const entry = match && cases[Number(match[1])];

	const back = !isFirst && !entry && opened.querySelector('h1') && shownCase;

	document.title = entry ? `${entry.verdict} ${entry.name} - ${pageTitle}` : pageTitle;
	overview.hidden = Boolean(entry);
	opened.hidden = !entry;
	opened.replaceChildren(...entry ? showCase(entry.index) : []);
	if (entry)
		scrollTo(0, 0);
	if (entry)
		shownCase = entry;
	if (entry || !isFirst)
		(entry ? opened : linkTo(back) || overview).focus({preventScroll: Boolean(entry)});
}

document.querySelector('form')?.addEventListener('submit', event => event.preventDefault());
showOverview();
addEventListener('hashchange', () => route(false));
route(true);
