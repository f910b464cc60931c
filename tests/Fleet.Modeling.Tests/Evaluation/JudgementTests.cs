using Fleet.Contracts.Devices;
using Fleet.Modeling.Evaluation;

namespace Fleet.Modeling.Tests.Evaluation;

public sealed class JudgementTests
{
    [Fact]
    public void Accuracy_and_agreement_count_decisions()
    {
        var outputs = new ModelOutputs([1, 2, 5, 4, 0, 9], 3);
        Assert.Equal([1, 0, 1], outputs.Decisions());
        Assert.Equal(2.0 / 3, Judgement.Accuracy(outputs, [1, 1, 1]));
        Assert.Equal(1.0 / 3, Judgement.Agreement(outputs, new ModelOutputs([1, 0, 0, 1, 0, 1], 3)));
    }

    [Fact]
    public void Signal_to_noise_is_in_decibels()
    {
        Assert.Equal(20, Judgement.SignalToNoise([11], [10]), 1e-9);
        Assert.Equal(double.PositiveInfinity, Judgement.SignalToNoise([1, 2], [1, 2]));
    }

    [Fact]
    public void Processor_is_read_as_the_kernel_names_it()
    {
        var facts = ThisMachine.Read(["processor\t: 0", "model\t\t: 17", "model name\t: AMD EPYC 9654", "flags\t\t: sse2 avx2 avx512_vnni"]);
        Assert.Equal("AMD EPYC 9654", facts.Processor);
        Assert.Equal(["avx2", "avx512_vnni", "sse2"], facts.IsaFlags);
    }

    [Fact]
    public void Guard_against_saturation_is_left_out_where_vnni_makes_it_needless()
    {
        var runtime = BuiltInProfiles.X64.Runtime;
        Assert.Contains("session.x64quantprecision", runtime.On(["avx2"]).SessionEntries.Keys);
        Assert.DoesNotContain("session.x64quantprecision", runtime.On(["avx2", "avx512_vnni"]).SessionEntries.Keys);
        Assert.DoesNotContain("session.x64quantprecision", runtime.On(["avx_vnni"]).SessionEntries.Keys);
    }
}
