// One test at a time: variants are timed, and what runs beside a measurement is measured too.
[assembly: Xunit.v3.Parallelization(Mode = Xunit.Sdk.ParallelMode.None)]
