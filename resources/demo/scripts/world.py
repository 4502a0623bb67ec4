# SPDX-License-Identifier: Apache-2.0
"""The small world that the demo's stories happen in: its people, places, things and numbers."""

PEOPLE = [  # name, subject pronoun, trade
    ("Mara", "she", "miller"), ("Tom", "he", "baker"), ("Ilse", "she", "sailor"),
    ("Piet", "he", "farmer"), ("Nora", "she", "doctor"), ("Hugo", "he", "tailor"),
    ("Wanda", "she", "painter"), ("Otto", "he", "fisher"), ("Clara", "she", "teacher"),
    ("Emil", "he", "carpenter"), ("Greta", "she", "gardener"), ("Jonas", "he", "smith"),
    ("Lotte", "she", "weaver"), ("Bruno", "he", "cook"), ("Edda", "she", "potter"),
    ("Felix", "he", "clerk"), ("Rosa", "she", "singer"), ("Anton", "he", "shepherd"),
    ("Vera", "she", "judge"), ("Karl", "he", "drummer"),
]
OBJECT_FORM = {"he": "him", "she": "her"}
POSSESSIVE = {"he": "his", "she": "her"}

PLACES = [  # preposition of rest, name
    ("in", "mill"), ("at", "harbour"), ("on", "hill"), ("in", "market"), ("by", "river"),
    ("in", "orchard"), ("at", "station"), ("in", "library"), ("under", "bridge"), ("in", "kitchen"),
    ("on", "island"), ("in", "cellar"), ("in", "tower"), ("by", "well"), ("in", "barn"),
    ("at", "school"),
]

MATERIALS = ["brass", "wooden", "silver", "glass", "stone", "paper", "iron", "clay"]
COLOURS = ["red", "green", "blue", "yellow", "white", "black", "grey", "brown"]
THINGS = ["lantern", "key", "letter", "bowl", "clock", "flute", "map", "knife", "ring", "bell",
          "mirror", "box", "lamp", "mask", "spoon", "kite"]
PAINTED = ["boat", "door", "fence", "cart", "gate", "chair", "wall", "bench"]
COUNTED = [  # one, many
    ("apple", "apples"), ("coin", "coins"), ("candle", "candles"), ("egg", "eggs"),
    ("book", "books"), ("stone", "stones"), ("rope", "ropes"), ("fish", "fish"),
    ("loaf", "loaves"), ("berry", "berries"), ("feather", "feathers"), ("plate", "plates"),
]
ANIMALS = [  # one, many, what one does, what many do
    ("dog", "dogs", "barks", "bark"), ("goose", "geese", "hisses", "hiss"),
    ("cat", "cats", "sleeps", "sleep"), ("horse", "horses", "waits", "wait"),
    ("sheep", "sheep", "grazes", "graze"), ("crow", "crows", "calls", "call"),
    ("mouse", "mice", "hides", "hide"), ("goat", "goats", "climbs", "climb"),
]
WEATHER = [  # sentence, how things turn out, where people stay
    ("it rained", "wet", "inside"), ("it snowed", "cold", "inside"),
    ("the sun shone", "warm", "outside"), ("a storm came", "wet", "inside"),
    ("the wind blew", "dry", "outside"), ("the fog lay over the land", "damp", "inside"),
]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
NUMBERS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
           "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen",
           "eighteen", "nineteen", "twenty"]
