using Fleet.Modeling.Data;

namespace Fleet.Modeling.Tests.Data;

public sealed class FoldsTests
{
    private static SampleSet Samples(int[]? origins, params long[] labels)
        => new SampleSet([.. Enumerable.Range(0, labels.Length).Select(i => (float)i)], [1], labels) with { Origins = origins };

    [Fact]
    public void Each_sample_is_held_out_once_and_each_class_in_proportion()
    {
        long[] labels = [.. Enumerable.Range(0, 40).Select(i => i < 30 ? 0L : 1L)];
        var folds = Folds.Of(Samples(null, labels), 5, 1);
        Assert.Equal(5, folds.Count);
        Assert.Equal(Enumerable.Range(0, 40), folds.SelectMany(fold => fold.HeldOut).Order());
        Assert.All(folds, fold =>
        {
            Assert.Equal(6, fold.HeldOut.Count(sample => labels[sample] == 0));
            Assert.Equal(2, fold.HeldOut.Count(sample => labels[sample] == 1));
            Assert.Equal(Enumerable.Range(0, 40), fold.Training.Concat(fold.HeldOut).Order());
        });
    }

    [Fact]
    public void Samples_of_one_thing_are_held_out_together()
    {
        int[] origins = [.. Enumerable.Range(0, 40).Select(i => i / 4)];
        var samples = Samples(origins, [.. Enumerable.Range(0, 40).Select(i => (long)(i / 4 % 2))]);
        var folds = Folds.Of(samples, 5, 1);
        Assert.Equal(5, folds.Count);
        Assert.All(folds, fold => Assert.Empty(
            fold.HeldOut.Select(sample => origins[sample]).Intersect(fold.Training.Select(sample => origins[sample]))));
        Assert.Equal(10, Folds.Most(samples));
    }

    [Fact]
    public void Same_seed_cuts_alike_and_another_does_not()
    {
        int[] First(int seed) => Folds.Of(Samples(null, new long[40]), 4, seed)[0].HeldOut;
        Assert.Equal(First(1), First(1));
        Assert.NotEqual(First(1), First(2));
    }

    [Fact]
    public void Fold_that_nothing_falls_into_is_left_out()
        => Assert.Equal(3, Folds.Of(Samples(null, 0, 0, 1), 5, 1).Count);
}
