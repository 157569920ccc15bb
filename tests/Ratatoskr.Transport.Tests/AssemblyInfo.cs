// One at a time: tests look at references of pooled buffers, and each has a server of its own anyway.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
