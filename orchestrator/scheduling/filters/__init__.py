"""Nova's filters (nova/scheduler/filters), one file each: `NAME` is Nova's class, `judge(state, request, options)` gives a Verdict.

Pure, and of one host alone: the same state, request and options give the same verdict, whatever other hosts look like, for verdicts are kept
until something is claimed of the host. Which of them hold is `Options.enabled_filters`; one of another package is an entry point
`orchestrator.filters` named as its NAME.
"""
