using System.Text.Json;
using Fleet.Agent.Children;
using Fleet.Agent.Tests.Inference;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.DeviceValidation;
using Fleet.Contracts.State;
using Fleet.Contracts.Tensors;
using Fleet.TestKit;

namespace Fleet.Agent.Tests.Validation;

/// <summary>The validation process keeps what a model says of every sample, for whoever compares processors.</summary>
public sealed class OutputsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Outputs_of_every_sample_are_kept_and_nothing_is_timed()
    {
        var reply = await AskAsync(
            TestModels.Scale(_folder.Path, 2), [new("x", NpyArray.Of([1f, 2, 3, 6, 5, 4], 2, 3)), new("labels", NpyArray.Of([2L, 1], 2))]);
        Assert.Equal((DeploymentFailure.None, ""), (reply.Failure, reply.Detail));
        Assert.Equal((0.5, 2), (reply.Scores!.Accuracy!.Value, reply.Scores.Samples));
        Assert.Null(reply.Scores.Latency);
        Assert.Equal([2f, 4, 6, 12, 10, 8], Kept()["y"].ToSingles());
    }

    [Fact]
    public async Task Array_with_one_axis_more_than_the_input_holds_a_whole_input_for_each_sample()
    {
        // A recurrent state of two layers and a scalar, as a streaming model takes them.
        var model = new OnnxFile()
            .Input("x", OnnxType.Float, 1, 3).Input("state", OnnxType.Float, 2, 1, 3).Input("rate", OnnxType.Float)
            .Output("y", OnnxType.Float, 2, 1, 3)
            .Node("Add", ["x", "state"], ["s"]).Node("Mul", ["s", "rate"], ["y"])
            .Save(_folder["stateful.onnx"]);
        var reply = await AskAsync(model, [
            new("x", NpyArray.Of([1f, 2, 3, 4, 5, 6], 2, 3)),
            new("state", NpyArray.Of([0f, 0, 0, 10, 10, 10, 20, 20, 20, 30, 30, 30], 2, 2, 1, 3)),
            new("rate", NpyArray.Of([1f, 2], 2))]);
        Assert.Equal((DeploymentFailure.None, ""), (reply.Failure, reply.Detail));
        Assert.Equal([1f, 2, 3, 11, 12, 13, 48, 50, 52, 68, 70, 72], Kept()["y"].ToSingles());
    }

    [Fact]
    public async Task Samples_of_other_shapes_are_in_files_of_their_own_and_judged_together()
    {
        var model = new OnnxFile().Input("x", OnnxType.Float, 1, -1).Output("y", OnnxType.Float, 1, -1)
            .Node("Neg", ["x"], ["y"]).Save(_folder["any.onnx"]);
        Directory.CreateDirectory(_folder["sets"]);
        Write("sets/0.npz", [new("x", NpyArray.Of([1f, 2, 3, 4, 6, 5], 2, 1, 3)), new("labels", NpyArray.Of([0L, 0], 2))]);
        Write("sets/1.npz", [new("x", NpyArray.Of([8f, 7], 1, 1, 2)), new("labels", NpyArray.Of([0L], 1))]);
        var reply = await AskOfAsync(model, _folder["sets"]);
        Assert.Equal((DeploymentFailure.None, ""), (reply.Failure, reply.Detail));
        Assert.Equal((2 / 3.0, 3), (reply.Scores!.Accuracy!.Value, reply.Scores.Samples));
        Assert.Equal([-1f, -2, -3, -4, -6, -5, -8, -7], Kept()["y"].ToSingles());
    }

    [Fact]
    public async Task Model_without_float_outputs_says_so()
    {
        var reply = await AskAsync(TestModels.Identity(_folder.Path, OnnxType.Int64), [new("x", NpyArray.Of([1L, 2], 1, 2))]);
        Assert.Equal((DeploymentFailure.LoadFailed, "The model has no float output to compare; it has 'y' INT64 [-1,2]."),
            (reply.Failure, reply.Detail));
    }

    [Fact]
    public async Task Outputs_that_cannot_be_written_are_a_failure_with_the_path()
    {
        var reply = await AskAsync(
            TestModels.Scale(_folder.Path, 2), [new("x", NpyArray.Of([1f, 2, 3], 1, 3))], _folder["nowhere", "out.npz"]);
        Assert.Equal(DeploymentFailure.DiskFull, reply.Failure);
        Assert.Contains("nowhere", reply.Detail, StringComparison.Ordinal);
    }

    private IReadOnlyDictionary<string, NpyArray> Kept()
    {
        using var file = File.OpenRead(_folder["out.npz"]);
        return NpzArchive.Read(file, 1 << 20);
    }

    private async Task<ValidationReply> AskAsync(string model, IEnumerable<KeyValuePair<string, NpyArray>> arrays, string? outputs = null)
    {
        Write("set.npz", arrays);
        return await AskOfAsync(model, _folder["set.npz"], outputs);
    }

    private void Write(string name, IEnumerable<KeyValuePair<string, NpyArray>> arrays)
    {
        using var file = File.Create(_folder[name]);
        NpzArchive.Write(file, arrays);
    }

    private async Task<ValidationReply> AskOfAsync(string model, string set, string? outputs = null)
    {
        var request = new ValidationRequest(
            model, set, new RuntimeSettings(), [], OutputsPath: outputs ?? _folder["out.npz"]);
        await File.WriteAllTextAsync(_folder["request"], JsonSerializer.Serialize(request, FleetJson.Default.ValidationRequest) + "\n");
        await using var child = ChildProcess.Start(
            "bash", ["-c", $"(cat '{_folder["request"]}'; sleep 20) | '{ChildProgram.Path}' validate"],
            new Dictionary<string, string?> { [ChildProgram.DisableTelemetry] = "1" });
        return JsonSerializer.Deserialize(
            await child.WaitForLineAsync("\"failure\"", HostFixture.Deadline), FleetJson.Default.ValidationReply)!;
    }
}
