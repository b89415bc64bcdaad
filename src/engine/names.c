/* names.c - made-up names: a friendly word and somebody whose work computing rests on. */
#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "engine/model.h"

static const char *const words[] = {
    "airy",
    "amber",
    "apt",
    "bold",
    "brave",
    "breezy",
    "bright",
    "brisk",
    "calm",
    "candid",
    "cheery",
    "clear",
    "clever",
    "cosy",
    "crisp",
    "daring",
    "deft",
    "eager",
    "early",
    "fair",
    "fleet",
    "fluent",
    "frank",
    "fresh",
    "gentle",
    "glad",
    "golden",
    "hardy",
    "honest",
    "humble",
    "jolly",
    "keen",
    "kind",
    "lively",
    "loyal",
    "lucid",
    "merry",
    "mild",
    "modest",
    "neat",
    "nimble",
    "noble",
    "patient",
    "plucky",
    "polite",
    "prompt",
    "proud",
    "quick",
    "quiet",
    "rapid",
    "ready",
    "robust",
    "serene",
    "sharp",
    "silent",
    "smart",
    "snug",
    "sober",
    "solid",
    "spry",
    "steady",
    "sunny",
    "swift",
    "tidy",
    "vivid",
    "warm",
    "wise",
    "witty",
    "zesty",
};

static const char *const people[] = {
    "abel",
    "ada",
    "aiken",
    "allen",
    "babbage",
    "backus",
    "bartik",
    "bell",
    "bernoulli",
    "boole",
    "borg",
    "brooks",
    "cantor",
    "cerf",
    "church",
    "clarke",
    "codd",
    "conway",
    "cray",
    "curry",
    "dahl",
    "dijkstra",
    "eckert",
    "engelbart",
    "erdos",
    "euclid",
    "euler",
    "fermat",
    "floyd",
    "galois",
    "gauss",
    "godel",
    "goldberg",
    "gosper",
    "hamilton",
    "hamming",
    "hilbert",
    "hoare",
    "hopper",
    "huffman",
    "iverson",
    "kay",
    "kernighan",
    "kilby",
    "kleene",
    "knuth",
    "lamarr",
    "lamport",
    "leibniz",
    "liskov",
    "mauchly",
    "mccarthy",
    "metcalfe",
    "milner",
    "minsky",
    "moore",
    "naur",
    "neumann",
    "noether",
    "nygaard",
    "pascal",
    "perlis",
    "perlman",
    "postel",
    "rabin",
    "ritchie",
    "shamir",
    "shannon",
    "sutherland",
    "tarjan",
    "thompson",
    "turing",
    "wilkes",
    "wirth",
    "zuse",
};

static unsigned pick(unsigned bound)
{
    char hex[9];
    id_random(hex, 4);
    return (unsigned)(strtoul(hex, NULL, 16) % bound);
}

char *name_invent(struct engine *engine)
{
    struct error taken;
    for (unsigned tries = 0;; tries++) {
        char *name =
            xasprintf("%s_%s", words[pick(ARRAY_LEN(words))], people[pick(ARRAY_LEN(people))]);
        if (tries > 8) { /* most are in use: a number makes it one of many more */
            char *numbered = xasprintf("%s%u", name, pick(tries * 10));
            free(name);
            name = numbered;
        }
        if (name_claim(engine, name, &taken) == 0)
            return name;
        free(name);
    }
}
