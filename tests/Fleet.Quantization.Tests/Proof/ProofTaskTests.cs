using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Proof;
using Fleet.Quantization.Tests.Models;

namespace Fleet.Quantization.Tests.Proof;

/// <summary>What a variant is run with when it is proved.</summary>
public sealed class ProofTaskTests : IDisposable
{
    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Copied_file_is_run_with_what_it_says_itself()
    {
        var variant = Made();
        Assert.Equal("session.disable_quant_qdq=1 session.inter_op.allow_spinning=0", Of(variant).Runtime.EntriesText());
        Directory.CreateDirectory(_folder.File("elsewhere"));
        File.Copy(variant, _folder.File("elsewhere/renamed.onnx"));
        Assert.Equal("session.disable_quant_qdq=1", Of(_folder.File("elsewhere/renamed.onnx")).Runtime.EntriesText());
    }

    [Fact]
    public void Profile_is_taken_with_what_the_file_needs()
        => Assert.Equal("session.disable_quant_qdq=1", Of(Made(), runtime: BuiltInProfiles.ArmCpu.Runtime).Runtime.EntriesText());

    [Fact]
    public void Entry_that_is_asked_for_wins_and_leaves_the_others()
    {
        Assert.Equal("session.disable_quant_qdq=0 session.inter_op.allow_spinning=0",
            Of(Made(), ("session.disable_quant_qdq", "0")).Runtime.EntriesText());
        Assert.Equal("session.disable_quant_qdq=1 session.inter_op.allow_spinning=1",
            Of(Made(), ("session.inter_op.allow_spinning", "1")).Runtime.EntriesText());
    }

    [Fact]
    public void What_a_file_asks_for_and_does_not_get_is_told()
    {
        var model = TinyModels.Gemm();
        model.MetadataProps.Add(new StringStringEntryProto { Key = NeededSettings.Key, Value = """{"sessionEntries":{"a.b":"1"}}""" });
        OnnxFile.Save(model, _folder.File("m.onnx"));
        var task = Of(_folder.File("m.onnx"));
        Assert.Empty(task.Runtime.SessionEntries);
        Assert.Contains("a.b, which is not known", Assert.Single(task.Notes), StringComparison.Ordinal);
    }

    /// <summary>An int8-weights variant for a profile with a setting of its own, with its report beside it.</summary>
    private string Made()
    {
        OnnxFile.Save(new GraphBuilder().Input("x", 1, 64).Weight("w", 64, 64).Node("MatMul", ["x", "w"], "y").Output("y", 1, 64).Build(),
            _folder.File("float.onnx"));
        var report = new Quantizer().Run(new QuantizationRequest
        {
            Source = new SourceSpec { Onnx = _folder.File("float.onnx"), Validation = SampleSource.Synthetic },
            Quantization = new QuantizationSpec
            {
                Profiles = ["board"],
                CustomProfiles = [
                    BuiltInProfiles.X64 with
                    {
                        Name = "board",
                        Runtime = new RuntimeSettings
                        {
                            SessionEntries = new Dictionary<string, string> { ["session.inter_op.allow_spinning"] = "0" },
                        },
                    },
                ],
                Schemes = ["int8-weights"],
            },
        }, _folder.File("out"), new Progress<BuildProgress>(), TestContext.Current.CancellationToken);
        File.WriteAllText(_folder.File("out/report.json"), JsonSerializer.Serialize(report, FleetJson.Default.QuantizationReport));
        return _folder.File("out/board-int8-weights.onnx");
    }

    private static ProofTask Of(string variant, (string Key, string Value)? entry = null, RuntimeSettings? runtime = null)
        => ProofTask.Of(new ProofRequest
        {
            Variant = new SourceSpec { Onnx = variant, Validation = SampleSource.Synthetic },
            Runtime = runtime,
            SessionEntries = entry is { } one ? new Dictionary<string, string> { [one.Key] = one.Value } : null,
        });
}
