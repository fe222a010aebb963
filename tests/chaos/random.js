/* random: numbers that a seed repeats (mulberry32). */
'use strict';

class Random {
  constructor(seed) {
    this.state = seed >>> 0;
  }

  /* In [0, 1). */
  next() {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  between(from, to) {
    return from + this.next() * (to - from);
  }

  whole(from, to) {
    return Math.floor(this.between(from, to + 1));
  }

  pick(list) {
    return list[Math.floor(this.next() * list.length)];
  }

  /* `count` different ones. */
  some(list, count) {
    const left = list.slice();
    const taken = [];
    while (taken.length < count && left.length > 0) taken.push(...left.splice(Math.floor(this.next() * left.length), 1));
    return taken;
  }
}

module.exports = { Random };
