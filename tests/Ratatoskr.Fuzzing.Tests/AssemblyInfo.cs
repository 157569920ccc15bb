// Memory is counted per process and calls are timed: one target at a time.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
