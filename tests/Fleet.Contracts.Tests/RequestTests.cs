using System.Text.Json;
using Fleet.Contracts.Builds;

namespace Fleet.Contracts.Tests;

/// <summary>What people write on a command line and in a spec becomes a type once, and JSON keeps it as it was written.</summary>
public sealed class RequestTests
{
    [Theory]
    [InlineData("h0=hn", "h0", "hn")]
    [InlineData("a.b/c:0=d", "a.b/c:0", "d")]
    public void State_is_a_pair(string text, string input, string output)
    {
        Assert.True(StatePair.TryParse(text, out var pair));
        Assert.Equal((new StatePair(input, output), text), (pair, pair.ToString()));
    }

    [Theory]
    [InlineData("h0")]
    [InlineData("=hn")]
    [InlineData("h0=")]
    [InlineData("a=b=c")]
    [InlineData(null)]
    public void State_that_is_not_a_pair_is_not_taken(string? text) => Assert.False(StatePair.TryParse(text, out _));

    [Theory]
    [InlineData("encoder/fc1=8", "encoder/fc1", 8)]
    [InlineData("a=b=2", "a=b", 2)]
    [InlineData("MatMul=3", "MatMul", 3)]
    public void Bits_are_those_of_a_layer(string text, string layer, int bits)
    {
        Assert.True(LayerBits.TryParse(text, out var read));
        Assert.Equal((new LayerBits(layer, bits), text), (read, read.ToString()));
    }

    [Theory]
    [InlineData("fc1")]
    [InlineData("=8")]
    [InlineData("fc1=")]
    [InlineData("fc1=5")]
    [InlineData("fc1=16")]
    [InlineData("fc1=+4")]
    [InlineData(null)]
    public void Bits_that_no_weights_have_are_not_taken(string? text) => Assert.False(LayerBits.TryParse(text, out _));

    [Theory]
    [InlineData("x=1x3x224x224", "x", new[] { 1, 3, 224, 224 })]
    [InlineData("a=b=7", "a=b", new[] { 7 })]
    public void Shape_is_a_name_and_extents(string text, string input, int[] extents)
    {
        Assert.True(InputShape.TryParse(text, out var shape));
        Assert.Equal((new InputShape(input, extents), text), (shape, shape.ToString()));
    }

    [Theory]
    [InlineData("x")]
    [InlineData("x=")]
    [InlineData("=1x2")]
    [InlineData("1x3x8x8")]
    [InlineData("x=1x3x-1x5")]
    [InlineData("x=1x3x0x5")]
    [InlineData("x=1 x3")]
    [InlineData(null)]
    public void Shape_without_a_name_or_with_an_extent_of_nothing_is_not_taken(string? text)
        => Assert.False(InputShape.TryParse(text, out _));

    [Fact]
    public void Request_is_written_and_read_again_and_its_defaults_stand_in_the_record()
    {
        var json = """{"source":{"onnx":"m.onnx","validation":"synthetic","state":["h0=hn"],"shapes":["x=1x3x8x8"]}}""";
        var request = JsonSerializer.Deserialize(json, FleetJson.Strict.QuantizationRequest)!;
        Assert.Equal([new StatePair("h0", "hn")], request.Source.State!);
        Assert.Equal([new InputShape("x", [1, 3, 8, 8])], request.Source.Shapes!);
        Assert.Equal(new QuantizationSpec().Profiles, request.Quantization.Profiles);
        Assert.Contains("\"x=1x3x8x8\"", JsonSerializer.Serialize(request, FleetJson.Default.QuantizationRequest),
            StringComparison.Ordinal);
        Assert.Equal(100, JsonSerializer.Deserialize(
            """{"variant":{"onnx":"v.onnx","validation":"synthetic"}}""", FleetJson.Strict.ProofRequest)!.Samples);
    }

    [Theory]
    [InlineData("""{"source":{"onnx":"m.onnx","validation":"synthetic","state":["h0"]}}""", "IN=OUT")]
    [InlineData("""{"source":{"onnx":"m.onnx","validation":"synthetic","shapes":["x=0"]}}""", "NAME=1x3x224x224")]
    public void Mistake_in_a_request_is_told_with_the_form(string json, string form)
        => Assert.Contains(form,
            Assert.Throws<JsonException>(() => JsonSerializer.Deserialize(json, FleetJson.Default.QuantizationRequest)).Message,
            StringComparison.Ordinal);
}
