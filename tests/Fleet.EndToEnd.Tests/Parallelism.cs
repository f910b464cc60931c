// Real processes on two cores: one scenario at a time, so that a deadline that passes says something about the product.
[assembly: Xunit.v3.Parallelization(Mode = Xunit.Sdk.ParallelMode.None)]
