using Fleet.Server.Storage;

namespace Fleet.Server.Tests.Storage;

public sealed class ModelTimesTests
{
    private static readonly DateTimeOffset Noon = new(2026, 11, 27, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Only_what_was_served_in_the_time_asked_for_may_be_there()
    {
        var times = new ModelTimes(ModelTimes.AllKnown);
        Assert.False(times.MayHoldSince(null, Noon));
        times.Add("speech", Noon.UtcTicks);
        times.Add("speech", Noon.AddHours(-1).UtcTicks);
        foreach (var each in (ModelTimes[])[times, ModelTimes.Of(times.ToRow())])
        {
            Assert.True(each.MayHoldSince("speech", Noon));
            Assert.True(each.MayHoldSince(null, Noon));
            Assert.False(each.MayHoldSince("speech", Noon.AddSeconds(1)));
            Assert.False(each.MayHoldSince("vision", DateTimeOffset.MinValue));
        }
    }

    [Fact]
    public void What_an_earlier_program_or_too_many_models_have_left_untold_may_be_any_model()
    {
        var times = ModelTimes.Of(new ModelTimes(Noon.UtcTicks).ToRow());
        Assert.True(times.MayHoldSince("vision", Noon));
        Assert.False(times.MayHoldSince("vision", Noon.AddSeconds(1)));

        var many = new ModelTimes(ModelTimes.AllKnown);
        for (var n = 0; n < 2 * ModelTimes.MaximumModels; n++) many.Add($"m-{n}", Noon.AddMinutes(n).UtcTicks);
        Assert.InRange(many.ToRow().Count, 2, ModelTimes.MaximumModels + 1);
        Assert.True(many.MayHoldSince("m-0", Noon));
        Assert.False(many.MayHoldSince("never", Noon.AddMinutes(2 * ModelTimes.MaximumModels - 1)));
        Assert.True(many.MayHoldSince($"m-{2 * ModelTimes.MaximumModels - 1}", Noon.AddMinutes(2 * ModelTimes.MaximumModels - 1)));
    }
}
