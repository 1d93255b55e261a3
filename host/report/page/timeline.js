// SPDX-License-Identifier: GPL-2.0-or-later
// The story of a case on one time axis. Each lane is a function that draws into a group at its own
// height, and knows the axis only by x(us). Times are in microseconds since the case began.
'use strict';

const laneHeight = 26;
const labelWidth = 84;

// The end of what is known, so that all of it is on the axis. The case's own duration may be by
// another clock, that of the machine which runs the labs.
function storyEnd(entry, story) {
	const ends = story.tests.map(test => test[4] < 0 ? 0 : test[4] + test[5])
		.concat(story.actions.map(action => action[0] + action[1]), story.failures.map(failure => failure.at),
			story.console.map(line => line[0]), story.timers.map(timer => timer.until));

	return Math.max(1, ...ends) * 1.01 || entry.us;
}

// When something failed first; -1 if nothing did, or it is not known.
function firstFailure(story) {
	const times = story.failures.filter(failure => !failure.known).map(failure => failure.at)
		.concat(story.tests.filter(test => test[3] === 'fail').map(test => test[7]))
		.filter(at => at >= 0);

	return times.length ? Math.min(...times) : -1;
}

// Steps of 1, 2 or 5 times a power of ten, so that at most MOST fit into SPAN.
function step(span, most) {
	const power = 10 ** Math.floor(Math.log10(span / most));

	return [1, 2, 5, 10].map(factor => factor * power).find(size => span / size <= most);
}

function drawAxis(view, group, height) {
	const size = step(view.to - view.from, Math.max(2, (view.width - labelWidth) / 90));

	for (let at = Math.ceil(view.from / size) * size; at <= view.to; at += size) {
		group.append(draw('line', {class: 'lane', x1: view.x(at), x2: view.x(at), y1: 16, y2: height}));
		group.append(draw('text', {class: 'quiet', x: Math.min(view.x(at), view.width - 20), y: 11, 'text-anchor': 'middle'},
			at === 0 ? '0' : duration(at).replace(/\.0+ /, ' ')));
	}
}

// A bar from AT for TOOK, at least a pixel wide; null if it is out of sight.
function bar(view, at, took, attributes, title) {
	const left = Math.max(view.x(at), labelWidth);
	const right = Math.min(view.x(at + took), view.width);

	if (at + took < view.from || at > view.to)
		return null;
	return draw('rect', {x: left, width: Math.max(1, right - left), ...attributes},
		draw('title', {}, title));
}

function testTitle(test) {
	const text = `${test[0]} on CPU ${test[1]}: ${test[3]}, ${duration(test[5])}`;

	return test[8] ? `${text}: ${test[8]}` : text;
}

// A lane for each CPU, with a bar for each of its tests.
function testLanes(story) {
	const known = story.tests.filter(test => test[4] >= 0);
	const cpus = [...new Set(known.map(test => test[1]))].sort((a, b) => a - b);

	return cpus.map(cpu => ({
		label: `CPU ${cpu}`,
		draw(view, group) {
			for (const test of known.filter(test => test[1] === cpu)) {
				const title = testTitle(test);
				const rect = bar(view, test[4], test[5],
					{class: `test ${test[3]}`, y: 3, height: laneHeight - 8, rx: 2}, title);

				if (!rect)
					continue;
				group.append(rect);
				// About 7 pixels a letter.
				const room = Math.floor((rect.getAttribute('width') - 8) / 7);

				if (room > 2)
					group.append(draw('text', {class: `name ${test[3]}`, 'pointer-events': 'none',
						x: Number(rect.getAttribute('x')) + 4, y: 17},
					test[0].length > room ? `${test[0].slice(0, room - 1)}…` : test[0]));
			}
		},
	}));
}

function actionTitle(story, action, number) {
	const [at, took, least, most, sent, passes, pages, ram, cuts, what] = action;
	let text = `${what} ${number} at ${duration(at)}: took ${duration(took)}`;

	if (most)
		text += `, the guest stood still for ${duration(least)} to ${duration(most)}`;
	if (passes)
		text += `, ${passes === 1 ? '1 pass' : `${passes} passes`} over memory, ${bytes(sent)} sent`;
	if (passes && pages > ram)
		text += `, ${count(pages - ram, 'page')} sent again (dirtied at ${rate(dirtyRate(action))})`;
	if (cuts)
		text += `, cut ${count(cuts, 'time')}`;
	return text;
}

// While the guest could write: from the first pass over memory, where it is known, to the downtime.
function dirtySpan(action) {
	const from = action.length > 11 ? action[11] : action[0];
	const gap = gapOf(action);

	return [from, Math.max(1, (gap ? gap[0] : action[0] + action[1]) - from)];
}

// Pages a second. A page that was written after its turn is sent again, however often it was written.
function dirtyRate(action) {
	return Math.max(0, action[6] - action[7]) / dirtySpan(action)[1] * 1e6;
}

function rate(pages) {
	return `${pages >= 10 ? Math.round(pages) : pages.toFixed(1)} pages/s`;
}

// The time for which the guest stood still is known between two bounds. If the VMM does not tell
// when that began, it is drawn at the end of the action.
function gapOf(action) {
	const [at, took, least, most] = action;
	const stopped = action[10];
	const length = least || Math.min(most, took);

	if (!length)
		return null;
	return [stopped >= 0 ? stopped : Math.max(at, at + took - Math.max(length, most)), length];
}

function actionLanes(story) {
	if (!story.actions.length)
		return [];
	return [{
		label: story.action ? `${story.action}s` : 'actions',
		draw(view, group, whole) {
			story.actions.forEach((action, index) => {
				const title = actionTitle(story, action, index + 1);
				const gap = gapOf(action);
				const rect = bar(view, action[0], action[1],
					{class: 'action', y: 3, height: laneHeight - 8}, title);

				if (rect)
					group.append(rect);
				for (const pass of action.slice(11))
					if (view.x(pass) >= labelWidth && view.x(pass) <= view.width)
						group.append(draw('line', {class: 'pass-begins', x1: view.x(pass), x2: view.x(pass),
							y1: 3, y2: laneHeight - 5}));
				if (gap) {
					group.append(bar(view, ...gap, {class: 'gap', y: 3, height: laneHeight - 8,
						'pointer-events': 'none'}, title) || '');
					whole.append(bar(view, ...gap, {class: 'gap-shadow', y: 16, height: view.height - 16,
						'pointer-events': 'none'}, title) || '');
				}
			});
		},
	}];
}

// A value for each action, as a column over the time SPAN(action), which is [begin, length].
function columnLane(story, label, value, words, span = action => action) {
	const most = Math.max(0, ...story.actions.map(value));

	if (!most)
		return [];
	return [{
		label,
		note: `≤ ${words(most)}`,
		draw(view, group) {
			for (const action of story.actions) {
				const height = Math.max(1, value(action) / most * (laneHeight - 6));
				const [at, took] = span(action);
				const rect = bar(view, at, took,
					{class: 'amount', y: laneHeight - 3 - height, height}, `${label}: ${words(value(action))}`);

				if (rect && value(action))
					group.append(rect);
			}
		},
	}];
}

// How far a clock of the guest was from the host's, between two bounds. It may be behind by the time
// for which the host held the guest: that is the shaded band.
function clockLanes(story) {
	const names = [...new Set(story.clocks.map(clock => clock.name))];

	return names.map(name => {
		const points = story.clocks.filter(clock => clock.name === name).flatMap(clock => clock.points);
		const most = Math.max(1, ...points.map(point => Math.max(Math.abs(point[1]), Math.abs(point[2]), point[3])));
		const height = 2 * laneHeight;
		const y = us => height / 2 - us / most * (height / 2 - 4);

		return {
			label: shortened(name),
			note: `± ${duration(most)}`,
			height,
			title: `${name}: guest minus host`,
			draw(view, group) {
				const there = points.filter(point => point[0] >= view.from && point[0] <= view.to);

				group.append(draw('polygon', {class: 'held', points: [
					...there.map(point => `${view.x(point[0])},${y(0)}`),
					...there.reverse().map(point => `${view.x(point[0])},${y(-point[3])}`)].join(' ')}));
				group.append(draw('line', {class: 'lane', x1: labelWidth, x2: view.width, y1: y(0), y2: y(0)}));
				for (const [at, least, atMost, held] of there) {
					const title = `${name} at ${duration(at)}: ${signed(least)} to ${signed(atMost)} against the host, `
						+ `which held the guest for up to ${duration(held)}`;
					const wrong = least > 100 + at / 2000 || atMost < -held - 100 - at / 2000;
					const line = draw('line', {class: wrong ? 'point wrong' : 'point', x1: view.x(at), x2: view.x(at),
						y1: y(atMost) - 2, y2: y(least) + 2}, draw('title', {}, title));

					group.append(line);
				}
			},
		};
	});
}

function timerTitle(timer) {
	return `${timer.name}, armed at ${duration(timer.armedAt)} for ${duration(timer.armed)}`
		+ `${timer.periodic ? ', periodic' : ''}, stopped at ${duration(timer.until)}: fired ${count(timer.fired, 'time')}`;
}

function firingTitle(timer, [at, off]) {
	const when = `${timer.periodic ? 'the nearest time when it was due' : 'it was due'} by the guest's clock`;

	return `${timer.name} fired at ${duration(at)}, ${duration(Math.abs(off))} ${off < 0 ? 'before' : 'after'} ${when}`;
}

// Of each timer: a band while it was armed, a thin line for each time when it was due, and a thick one
// for each time that it fired.
function timerLanes(story) {
	const names = [...new Set(story.timers.map(timer => timer.name))];

	return names.map(name => ({
		label: shortened(name),
		note: 'due and fired',
		title: name,
		draw(view, group) {
			for (const timer of story.timers.filter(timer => timer.name === name)) {
				const title = timerTitle(timer);
				const band = bar(view, timer.armedAt, timer.until - timer.armedAt,
					{class: 'armed', y: 3, height: laneHeight - 6}, title);

				if (!band)
					continue;
				group.append(band);
				for (const at of timer.due)
					stroke(view, group, at, {class: 'due', y1: 3, y2: laneHeight - 3});
				for (const firing of timer.firings)
					stroke(view, group, firing[0], {class: 'fired', y1: 3, y2: laneHeight - 8}, firingTitle(timer, firing));
			}
		},
	}));
}

function stroke(view, group, at, attributes, title) {
	if (at < view.from || at > view.to)
		return;
	const line = draw('line', {x1: view.x(at), x2: view.x(at), ...attributes}, title ? draw('title', {}, title) : null);

	group.append(line);
}

// "the APIC's timer on CPU 0" as there is room for it: "APIC's ti… 0"
function shortened(name) {
	const [, what, cpu] = /^(?:the |a )?(.*?)(?: on CPU (\d+))?$/.exec(name);
	const most = 10;

	return `${what.length > most ? `${what.slice(0, most - 1)}…` : what}${cpu ? ` ${cpu}` : ''}`;
}

function signed(us) {
	return (us < 0 ? '−' : '+') + duration(Math.abs(us));
}

function lanesOf(story) {
	return [
		...testLanes(story),
		...actionLanes(story),
		...columnLane(story, 'sent', action => action[4], bytes),
		...columnLane(story, 'dirty rate', dirtyRate, rate, dirtySpan),
		...timerLanes(story),
		...clockLanes(story),
	];
}

function drawFailure(view, svg, story) {
	const at = firstFailure(story);
	const x = view.x(at);

	if (at < 0 || at < view.from || at > view.to)
		return;
	svg.append(draw('line', {class: 'failure', x1: x, x2: x, y1: 16, y2: view.height}));
	svg.append(draw('text', {class: 'failure', x: x > view.width - 60 ? x - 4 : x + 4, y: view.height - 4,
		'text-anchor': x > view.width - 60 ? 'end' : 'start'}, 'failed'));
}

// What tells its figures when it is clicked on. Bars may be a pixel wide, and a finger is not, so a
// click beside them is meant for the nearest one. A band behind others is meant if none is near.
const telling = '.test, .action, .amount, .armed, .fired, .point';
const nearEnough = 16;

function distance(element, event) {
	const box = element.getBoundingClientRect();

	return Math.hypot(Math.max(box.left - event.clientX, 0, event.clientX - box.right),
		Math.max(box.top - event.clientY, 0, event.clientY - box.bottom));
}

function tellOnClick(view, svg) {
	svg.addEventListener('click', event => {
		const nearest = [...svg.querySelectorAll(telling)]
			.map(element => ({element, away: distance(element, event) + (element.matches('.armed') ? nearEnough : 0)}))
			.filter(({away}) => away <= nearEnough)
			.sort((a, b) => a.away - b.away)[0]?.element;

		if (nearest)
			view.pick(nearest.querySelector('title').textContent);
	});
}

function drawTimeline(view, story) {
	const lanes = lanesOf(story);
	const svg = draw('svg', {class: 'timeline', role: 'img', 'aria-label':
		`Tests, ${story.action || 'action'}s, timers and clocks by time; the tables below have the same as text`});

	const tops = [];

	view.height = 20;
	for (const lane of lanes) {
		tops.push(view.height);
		view.height += lane.height || laneHeight;
	}
	view.height += 16;
	view.x = at => labelWidth + (at - view.from) / (view.to - view.from) * (view.width - labelWidth - 8);
	svg.setAttribute('viewBox', `0 0 ${view.width} ${view.height}`);
	svg.setAttribute('height', view.height);
	// Hundreds of bars are no help to who hears them; the tables say the same.
	const drawing = draw('g', {'aria-hidden': 'true'});

	svg.append(drawing);
	drawAxis(view, drawing, view.height);
	lanes.forEach((lane, index) => {
		const y = tops[index];
		const end = y + (lane.height || laneHeight);
		const group = draw('g', {transform: `translate(0 ${y})`});

		drawing.append(draw('line', {class: 'lane', x1: 0, x2: view.width, y1: end, y2: end}));
		group.append(draw('text', {x: 0, y: lane.note ? 12 : 17}, lane.label,
			lane.title ? draw('title', {}, lane.title) : null));
		if (lane.note)
			group.append(draw('text', {class: 'quiet small', x: 0, y: 23}, lane.note));
		lane.draw(view, group, drawing);
		drawing.append(group);
	});
	drawFailure(view, drawing, story);
	tellOnClick(view, svg);
	return svg;
}

// The axis with its buttons. It is drawn anew when the view or the window's width changes.
function timeline(entry, story) {
	const end = storyEnd(entry, story);
	const failure = firstFailure(story);
	const place = make('div');
	const picked = make('p', {class: 'picked quiet', 'aria-live': 'polite'}, 'Click on a bar for its figures.');
	const view = {from: 0, to: end, pick(text) { picked.textContent = text; }};

	function redraw() {
		view.width = Math.max(320, place.clientWidth);
		place.replaceChildren(drawTimeline(view, story));
	}

	function show(from, to) {
		const span = Math.min(end, Math.max(100, to - from));

		view.from = Math.max(0, Math.min(from, end - span));
		view.to = view.from + span;
		redraw();
		view.pick(`Shown is ${moment(view.from)} to ${moment(view.to)}.`);
	}

	function zoom(factor) {
		const inside = failure >= view.from && failure <= view.to;
		const middle = inside ? failure : (view.from + view.to) / 2;
		const span = (view.to - view.from) * factor;

		show(middle - span / 2, middle + span / 2);
	}

	function move(part) {
		const way = (view.to - view.from) * part;

		show(view.from + way, view.to + way);
	}

	const buttons = [
		['All', () => show(0, end)],
		['Closer', () => zoom(1 / 3)],
		['Wider', () => zoom(3)],
		['← Earlier', () => move(-1 / 3)],
		['Later →', () => move(1 / 3)],
	];

	if (failure >= 0)
		buttons.push(['Around the failure', () => show(failure - end / 40, failure + end / 40)]);
	new ResizeObserver(redraw).observe(place);
	return [
		make('div', {class: 'zoom', role: 'group', 'aria-label': 'What part of the time is shown'},
			buttons.map(([text, action]) => {
				const button = make('button', {type: 'button'}, text);

				button.addEventListener('click', action);
				return button;
			})),
		place,
		picked,
	];
}
