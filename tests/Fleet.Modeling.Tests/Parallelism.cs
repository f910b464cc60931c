// One test at a time. Torch's random numbers are the process's, and a garbage collection that another test causes can free a number
// that a tensor operation still reads (see AdamW), which ends the process.
[assembly: Xunit.v3.Parallelization(Mode = Xunit.Sdk.ParallelMode.None)]
