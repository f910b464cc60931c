using Fleet.Quantization.Calibration;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Tests.Models;

namespace Fleet.Quantization.Tests.Schemes;

/// <summary>What is made once of a model for everybody who asks.</summary>
public sealed class QuantizationSourceTests
{
    [Fact]
    public void Model_that_was_changed_for_somebody_else_stops_when_this_one_is_stopped()
    {
        using var first = new CancellationTokenSource();
        using var second = new CancellationTokenSource();
        var source = new QuantizationSource(
            new PreparedModel(TinyModels.Gemm()), new Dictionary<string, Histogram>(), Calibrators.Named("minmax"));
        var changed = new PreparedModel(TinyModels.Gemm());
        QuantizationSource Changed(CancellationToken token) => (source with { Cancellation = token }).ChangedOnce(
            "change", () => source with { Model = changed, Cancellation = token });
        Assert.Equal(first.Token, Changed(first.Token).Cancellation);
        Assert.Equal(second.Token, Changed(second.Token).Cancellation);
        Assert.Same(changed, Changed(second.Token).Model);
    }
}
