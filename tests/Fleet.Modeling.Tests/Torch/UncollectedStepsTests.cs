using System.Runtime;
using Fleet.Modeling.Torch;

namespace Fleet.Modeling.Tests.Torch;

public sealed class UncollectedStepsTests
{
    private const int Steps = 400;

    [Fact]
    public void No_collection_falls_into_a_step_however_much_garbage_the_steps_leave()
    {
        Assert.True(CollectionsInSteps(() => { }) > 0, "the steps leave too little garbage for this test to mean anything");
        using (var uncollected = new UncollectedSteps()) Assert.Equal(0, CollectionsInSteps(uncollected.Next));
        Assert.NotEqual(GCLatencyMode.NoGCRegion, GCSettings.LatencyMode);
    }

    [Fact]
    public void Second_one_in_the_process_goes_without_and_leaves_the_first_alone()
    {
        using var first = new UncollectedSteps();
        first.Next();
        using (var second = new UncollectedSteps()) second.Next();
        Assert.Equal(GCLatencyMode.NoGCRegion, GCSettings.LatencyMode);
    }

    /// <summary>
    /// Collections between what is done before a step and the step's end. Each step leaves a megabyte, small objects and a large one.
    /// </summary>
    private static int CollectionsInSteps(Action before)
    {
        var collections = 0;
        for (var step = 0; step < Steps; step++)
        {
            before();
            var began = GC.CollectionCount(0);
            for (var i = 0; i < 600; i++) _ = GC.AllocateUninitializedArray<byte>(1000);
            _ = GC.AllocateUninitializedArray<byte>(400_000);
            collections += GC.CollectionCount(0) - began;
        }
        return collections;
    }
}
