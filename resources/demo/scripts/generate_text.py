#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the demo's text: short stories told from a simulated world.

Each story keeps a state (who is where, who holds what, how many, what is painted how, which day it
is) and every sentence is true in it. What a reader can predict therefore reaches far back: sums,
agreement across a relative clause, pronouns, answers to questions, the recap at the end. A model
that sees only the previous token cannot know any of that.

  generate_text.py --seed 2 --stories 300 -o text/heldout.txt
"""

import argparse
import random
import sys

from world import (ANIMALS, COLOURS, COUNTED, DAYS, MATERIALS, NUMBERS, OBJECT_FORM, PAINTED, PEOPLE,
                   PLACES, POSSESSIVE, THINGS, WEATHER)


class Person:
    def __init__(self, name, pronoun, trade, place):
        self.name = name
        self.pronoun = pronoun
        self.trade = trade
        self.place = place
        self.things = []
        self.goods = {}

    @property
    def whose(self):
        return POSSESSIVE[self.pronoun]

    @property
    def whom(self):
        return OBJECT_FORM[self.pronoun]


class Story:
    """One story; the random source decides everything."""

    def __init__(self, rng):
        self.rng = rng
        self.day = self.below(7)
        people = self.sample(PEOPLE, 3)
        places = self.sample(PLACES, 4)
        self.places = places
        self.people = [Person(*p, places[i]) for i, p in enumerate(people)]
        self.hero = self.people[0]
        materials = self.sample(MATERIALS, 3)
        things = self.sample(THINGS, 3)
        self.things = [f"{m} {t}" for m, t in zip(materials, things)]
        self.hidden = {t: self.pick(places) for t in self.things}
        self.goods = self.sample(COUNTED, 2)
        self.painted = {}
        self.subject = None
        self.lines = []

    # -- chance --------------------------------------------------------------------------------
    def below(self, n):
        return int(self.rng.random() * n)

    def pick(self, items):
        return items[self.below(len(items))]

    def sample(self, items, n):
        pool = list(items)
        return [pool.pop(self.below(len(pool))) for _ in range(n)]

    def chance(self, p):
        return self.rng.random() < p

    # -- words ---------------------------------------------------------------------------------
    def say(self, text, subject=None):
        self.lines.append(text[0].upper() + text[1:])
        self.subject = subject

    def name(self, person):
        """The name, or the pronoun where the last sentence was about the same person."""
        if self.subject is person and self.chance(0.8):
            return person.pronoun
        return f"the {person.trade}" if self.chance(0.15) else person.name

    def other(self, person):
        return self.pick([p for p in self.people if p is not person])

    @staticmethod
    def at(place):
        return f"{place[0]} the {place[1]}"

    @staticmethod
    def count(number, good):
        return f"{NUMBERS[number]} {good[0] if number == 1 else good[1]}"

    def holder(self, thing):
        for person in self.people:
            if thing in person.things:
                return person
        return None

    # -- events --------------------------------------------------------------------------------
    def introduce(self):
        a, b, c = self.people
        thing = self.things[0]
        self.lines.append(f"{a.name} and the {thing}.")
        self.say(f"{a.name} was a {a.trade} who lived {self.at(a.place)}.", a)
        if self.chance(0.5):
            self.say(f"{a.whose} friends were {b.name} the {b.trade} and {c.name} the {c.trade}.")
        else:
            self.say(f"{a.pronoun} knew {b.name}, a {b.trade}, and {c.name}, a {c.trade}.")
        self.say(f"it was {DAYS[self.day]}, and {self.weather()}")

    def weather(self):
        what, state, where = self.pick(WEATHER)
        who = self.pick(self.people)
        line = f"{what}, so {who.name} stayed {where} and {who.whose} coat was {state}."
        return line

    def next_day(self):
        self.day = (self.day + 1) % 7
        today = DAYS[self.day]
        form = self.below(3)
        if form == 0:
            self.say(f"the next day was {today}, and {self.weather()}")
        elif form == 1:
            self.say(f"on {today}, {self.weather()}")
        else:
            self.say(f"then came {today}, the day after {DAYS[(self.day + 6) % 7]}.")

    def walk(self):
        who = self.pick(self.people)
        place = self.pick([p for p in self.places if p is not who.place])
        verb = self.pick(["walked", "went", "ran", "rode"])
        left = who.place
        who.place = place
        subject = self.name(who)
        if self.chance(0.3):
            self.say(f"{subject} left the {left[1]} and {verb} to the {place[1]}.", who)
        elif self.chance(0.3):
            friend = self.other(who)
            friend.place = place
            self.say(f"{subject} {verb} to the {place[1]}, and {friend.name} came with {who.whom}.", who)
        else:
            self.say(f"{subject} {verb} to the {place[1]}.", who)

    def find(self):
        thing = self.pick(self.things)
        who = self.holder(thing)
        if who is not None:
            if self.chance(0.5):
                self.say(f"{self.name(who)} still had the {thing}.", who)
            else:
                self.give(who, thing)
            return
        who = self.pick(self.people)
        place = self.hidden[thing]
        subject = self.name(who)
        who.place = place
        who.things.append(thing)
        if self.chance(0.5):
            self.say(f"{subject} looked {self.at(place)} and found the {thing} there.", who)
        else:
            self.say(f"{self.at(place)}, {subject} found the {thing} that somebody had lost.", who)

    def give(self, who, thing):
        friend = self.other(who)
        who.things.remove(thing)
        friend.things.append(thing)
        subject = self.name(who)
        if self.chance(0.5):
            self.say(f"{subject} gave the {thing} to {friend.name}, who thanked {who.whom} for it.", friend)
        else:
            self.say(f'"Take the {thing}," said {who.name}, and {friend.name} took it.', friend)

    def buy(self):
        who = self.pick(self.people)
        good = self.pick(self.goods)
        had = who.goods.get(good, 0)
        more = 1 + self.below(min(9, 20 - had)) if had < 20 else 0
        if more == 0:
            return
        who.goods[good] = had + more
        subject = self.name(who)
        if had == 0:
            self.say(f"{subject} bought {self.count(more, good)}.", who)
            return
        self.say(f"{subject} had {self.count(had, good)} and bought {NUMBERS[more]} more, "
                 f"so now {who.pronoun} had {NUMBERS[had + more]}.", who)

    def share(self):
        rich = [(p, g) for p in self.people for g in self.goods if p.goods.get(g, 0) > 1]
        if not rich:
            self.buy()
            return
        who, good = self.pick(rich)
        friend = self.other(who)
        had = who.goods[good]
        part = 1 + self.below(min(had - 1, 9))
        if friend.goods.get(good, 0) + part > 20:
            return
        who.goods[good] = had - part
        friend.goods[good] = friend.goods.get(good, 0) + part
        self.say(f"{self.name(who)} gave {friend.name} {NUMBERS[part]} of the {NUMBERS[had]} {good[1]} "
                 f"and kept {NUMBERS[had - part]}.", who)

    def compare(self):
        good = self.pick(self.goods)
        a, b = self.sample(self.people, 2)
        x, y = a.goods.get(good, 0), b.goods.get(good, 0)
        if x == y:
            each = f"{NUMBERS[x]} each" if x else "none at all"
            self.say(f"{a.name} had as many {good[1]} as {b.name}: {each}.")
            return
        word = "more" if x > y else "fewer"
        self.say(f"{a.name} had {word} {good[1]} than {b.name}: {NUMBERS[x]} against {NUMBERS[y]}.")

    def paint(self):
        what = self.pick(PAINTED)
        who = self.pick(self.people)
        if what in self.painted:
            colour, painter = self.painted[what]
            self.say(f"the {what} was still {colour}, as {painter.name} had painted it.")
            return
        colour = self.pick(COLOURS)
        self.painted[what] = (colour, who)
        self.say(f"{self.name(who)} painted the {what} {colour}.", who)

    def agree(self):
        one, many, does, do = self.pick(ANIMALS)
        near = self.pick(ANIMALS)
        who = self.pick(self.people)
        place = self.at(self.pick(self.places))
        number = 2 + self.below(8)
        form = self.below(4)
        if form == 0:
            self.say(f"the {one} near the {near[1]} {does} when {who.name} comes.")
        elif form == 1:
            self.say(f"the {NUMBERS[number]} {many} near the {near[0]} {do} when {who.name} comes.")
        elif form == 2:
            self.say(f"the {one} that the {near[1]} {place} follow {does} all day.")
        else:
            self.say(f"the {many} that the {near[0]} {place} follows {do} all day.")

    def ask_thing(self):
        thing = self.pick(self.things)
        a, b = self.sample(self.people, 2)
        who = self.holder(thing)
        if who is None:
            answer = f"it is {self.at(self.hidden[thing])}"
        elif who is b:
            answer = "i have it here"
        elif who is a:
            answer = "you have it yourself"
        else:
            answer = f"{who.name} has it"
        answer = answer[0].upper() + answer[1:]
        verb = self.pick(["said", "answered"])
        self.say(f'"Where is the {thing}?" asked {a.name}. "{answer}," {verb} {b.name}.', b)

    def ask_person(self):
        a, b, c = self.sample(self.people, 3)
        if self.chance(0.5):
            self.say(f'"Where is {c.name}?" asked {a.name}. '
                     f'"{c.pronoun.capitalize()} is {self.at(c.place)}," said {b.name}.', b)
        else:
            good = self.pick(self.goods)
            held = b.goods.get(good, 0)
            self.say(f'"How many {good[1]} do you have?" {a.name} asked {b.name}. '
                     f'"I have {NUMBERS[held] if held else "none"}," said {b.pronoun}.', b)

    def steps(self):
        who = self.pick(self.people)
        first = 1 + self.below(8)
        last = first + 2 + self.below(4)
        words = ", ".join(NUMBERS[first:last + 1])
        self.say(f"{self.name(who)} counted the steps {self.at(who.place)}: {words}.", who)

    def remember(self):
        who, friend = self.sample(self.people, 2)
        inner = f"{friend.name} was {self.at(friend.place)}"
        verb = self.pick(["knew", "remembered", "told everybody"])
        if friend.things:
            inner += f" and that {friend.pronoun} had the {self.pick(friend.things)}"
        self.say(f"{who.name}, who was {self.at(who.place)}, {verb} that {inner}.", who)

    def recap(self):
        self.say(f"that was the end of {DAYS[self.day]}.")
        for thing in self.things:
            who = self.holder(thing)
            if who is not None:
                self.say(f"the {thing} was with {who.name}.")
            elif thing == self.things[0]:
                self.say(f"the {thing} was {self.at(self.hidden[thing])}, and nobody had found it.")
        for good in self.goods:
            total = [p for p in self.people if p.goods.get(good, 0) > 0]
            if total:
                parts = [f"{p.name} had {self.count(p.goods[good], good)}" for p in total]
                self.say(" and ".join(parts) + ".")

    def tell(self):
        self.introduce()
        events = ((self.walk, 4), (self.find, 5), (self.buy, 5), (self.share, 4), (self.compare, 2),
                  (self.paint, 2), (self.agree, 3), (self.ask_thing, 3), (self.ask_person, 3),
                  (self.steps, 1), (self.remember, 3), (self.next_day, 2))
        bag = [event for event, weight in events for _ in range(weight)]
        for _ in range(12 + self.below(12)):
            self.pick(bag)()
        self.recap()
        title, body = self.lines[0], self.lines[1:]
        return title + "\n" + " ".join(body) + "\n\n"


def stories(seed, number):
    rng = random.Random(seed)
    for _ in range(number):
        yield Story(rng).tell()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--stories", type=int, default=250)
    parser.add_argument("-o", "--output", default="-")
    options = parser.parse_args()
    out = sys.stdout if options.output == "-" else open(options.output, "w", encoding="utf-8")
    with out:
        for story in stories(options.seed, options.stories):
            out.write(story)


if __name__ == "__main__":
    main()
