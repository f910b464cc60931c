using Fleet.Contracts.Devices;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Tests.Models;
using Fleet.Quantization.Writing;

namespace Fleet.Quantization.Tests.Onnx;

/// <summary>What a file says that it needs wherever it is loaded.</summary>
public sealed class NeededSettingsTests
{
    [Fact]
    public void File_says_what_its_form_needs_and_says_it_once()
    {
        var model = TinyModels.Gemm();
        NeededSettings.Of(model, QuantizationSchemes.Int4Portable.Needs).WriteTo(model);
        NeededSettings.Of(model, QuantizationSchemes.Int8Weights.Needs).WriteTo(model);
        var said = Assert.Single(model.MetadataProps, entry => entry.Key == NeededSettings.Key);
        Assert.Equal("""{"sessionEntries":{"session.disable_quant_qdq":"1"}}""", said.Value);
        Assert.Equal([new("session.disable_quant_qdq", "1")], NeededSettings.In(model).Entries);
        Assert.Empty(NeededSettings.In(model).Ignored);
    }

    [Fact]
    public void Model_that_needs_nothing_says_nothing()
    {
        var model = TinyModels.Gemm();
        NeededSettings.Of(model, QuantizationSchemes.Int8Weights.Needs).WriteTo(model);
        NeededSettings.Of(model, QuantizationSchemes.Float16.Needs).WriteTo(model);
        Assert.Empty(model.MetadataProps);
    }

    [Fact]
    public void Signed_weights_in_integer_products_need_a_guard_and_unsigned_ones_none()
    {
        using var folder = new ScratchFolder();
        NeededSettings Of(string file, IQuantizationScheme scheme) => NeededSettings.Of(OnnxFile.Load(file), scheme.Needs);
        Assert.Equal([new("session.x64quantprecision", "1")],
            Of(SaturatingModel.SignedWeights(folder.Path), QuantizationSchemes.Int8U8S8).Entries);
        Assert.Empty(Of(SaturatingModel.UnsignedWeights(folder.Path), QuantizationSchemes.Int8U8U8).Entries);
        // Weights that are float once loaded meet no integers.
        Assert.DoesNotContain("session.x64quantprecision",
            Of(SaturatingModel.SignedWeights(folder.Path), QuantizationSchemes.Int8Weights).Entries.Keys);
    }

    [Fact]
    public void Weights_that_are_bytes_at_rest_need_no_guard_beside_products_of_integers()
    {
        // The second product stays float; its weight is rounded as a loud file's is, where pairs of bytes would saturate.
        var graph = new GraphBuilder().Input("x", -1, 8).Weight("a", 8, 8).Node("MatMul", ["x", "a"], "h")
            .Constant(Tensors.Of("b", [.. Enumerable.Repeat(1f, 64)], [8, 8])).Node("MatMul", ["h", "b"], "y").Output("y", -1, 8).Build();
        var stored = KeptWeights.Stored(graph, new HashSet<string> { "b" });
        stored.Graph.Node.Insert(0, Nodes.Node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]));
        Assert.Contains(stored.Graph.Initializer, weight => weight.DataType == (int)TensorProto.Types.DataType.Int8);
        Assert.Empty(NeededSettings.Of(stored, QuantizationSchemes.Int8Dynamic.Needs).Entries);
    }

    [Theory]
    [InlineData("""{"sessionEntries":{"session.log":"/tmp/x"}}""", "session.log, which is not known")]
    [InlineData("""{"sessionEntries":{"session.disable_quant_qdq":"a b"}}""", "a value of 3 characters, which is not 0 or 1")]
    [InlineData("""{"sessionEntries":{"session.disable_quant_qdq":1}}""", "session.disable_quant_qdq with a value that is no text;")]
    [InlineData("""{"sessionEntries":{"session.disable_quant_qdq":"yes"}}""", "quant_qdq with yes, which is not 0 or 1;")]
    [InlineData("""{"sessionEntries":{"session.disable_quant_qdq":null}}""", "session.disable_quant_qdq with a value that is no text;")]
    [InlineData("""{"sessionEntries":{"session.x64quantprecision":"2"}}""", "precision with 2, which is not 0 or 1;")]
    [InlineData("""{"sessionEntries":{"session.qdq_matmulnbits_accuracy_level":"9"}}""", "accuracy_level with 9, which is not 0 or 1")]
    [InlineData("""{"sessionEntries":{"optimization.disable_specified_optimizers":"All"}}""", "with All, which is not MatMulAddFusion;")]
    [InlineData("""{"sessionEntries":{"\u001b[31m":"1"}}""", "the session entry a name of 5 characters, which is not known")]
    [InlineData("""{"intraOpThreads":64}""", "intraOpThreads, which a file has no say in")]
    [InlineData("""{"executionProviders":["EvilExecutionProvider"]}""", "executionProviders, which a file has no say in")]
    [InlineData("""{"sessionEntries":[]}""", "no JSON object")]
    [InlineData("""{"sessionEntries":{"session.disable_quant_qdq":"1","session.disable_quant_qdq":"0"}}""", "no JSON object")]
    [InlineData("""["session.disable_quant_qdq"]""", "no JSON object")]
    [InlineData("""null""", null)]
    [InlineData("""{""", "no JSON object")]
    [InlineData("", "no JSON object")]
    public void What_a_file_may_not_ask_for_is_ignored_with_a_word(string said, string? word)
    {
        var needed = NeededSettings.In(Saying(said));
        Assert.Empty(needed.Entries);
        if (word is null) Assert.Empty(needed.Ignored);
        else Assert.Contains(word, Assert.Single(needed.Ignored), StringComparison.Ordinal);
    }

    [Fact]
    public void As_much_as_is_read_of_a_file_is_taken_and_a_character_more_is_not()
    {
        string Said(int length) => """{"sessionEntries":{"session.disable_quant_qdq":"1"}}""".PadRight(length);
        Assert.Single(NeededSettings.In(Saying(Said(NeededSettings.MaximumCharacters))).Entries);
        var more = NeededSettings.In(Saying(Said(NeededSettings.MaximumCharacters + 1)));
        Assert.Empty(more.Entries);
        Assert.Contains("1024 characters", Assert.Single(more.Ignored), StringComparison.Ordinal);
    }

    [Fact]
    public void Known_entries_are_taken_beside_what_is_ignored()
    {
        var needed = NeededSettings.In(Saying(
            """{"sessionEntries":{"session.disable_quant_qdq":"1","session.unheard":"1"},"graphLevel":"none"}"""));
        Assert.Equal(["session.disable_quant_qdq"], needed.Entries.Keys);
        Assert.Equal(2, needed.Ignored.Count);
    }

    [Fact]
    public void Profile_says_whether_a_guard_is_needed_and_the_file_the_rest()
    {
        var needed = new NeededSettings(new Dictionary<string, string>
        {
            ["session.x64quantprecision"] = "1",
            ["session.disable_quant_qdq"] = "1",
        });
        Assert.Equal("session.disable_quant_qdq=1", needed.Over(BuiltInProfiles.ArmCpu.Runtime).EntriesText());
        Assert.Equal("session.disable_quant_qdq=1 session.x64quantprecision=1", needed.Over(BuiltInProfiles.X64.Runtime).EntriesText());
    }

    private static ModelProto Saying(string said)
    {
        var model = TinyModels.Gemm();
        model.MetadataProps.Add(new StringStringEntryProto { Key = NeededSettings.Key, Value = said });
        return model;
    }
}
