"""Nova's weighers (nova/scheduler/weights), one file each: `NAME` is Nova's class, `MULTIPLIER` its option, `weigh(state, request, options)` a number.

Pure, and of one host alone, as filters are. `LOW` and `HIGH`, when given, are the bounds that values are normalised over if they are within
(Nova's minval, maxval); `SIGN` is -1 where Nova negates the multiplier. All of them hold; one of another package is an entry point
`orchestrator.weighers`, named in `Options.weight_classes`. They run in the order of their file names, which is Nova's: sums of floats depend on it.
"""
