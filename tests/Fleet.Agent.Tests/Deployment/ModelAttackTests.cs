using Fleet.Agent.Tests.Fixtures;
using Fleet.Agent.Tests.Inference;
using Fleet.Contracts.State;
using Fleet.Contracts.Tensors;
using Fleet.Contracts.Validation;

namespace Fleet.Agent.Tests.Deployment;

/// <summary>
/// Somebody has signed a release and means harm to the device: all of it is fetched and verified, and its model or its validation set is
/// made to read, to fill or to hang whatever runs it. Each is tried on one device, one after the other; release 1 goes on serving.
/// </summary>
public sealed class ModelAttackTests(ModelAttackTests.ServingDevice device) : IClassFixture<ModelAttackTests.ServingDevice>
{
    [Theory]
    [InlineData("../identity.json")]
    [InlineData("../../../../../../../../etc/passwd")]
    [InlineData("/etc/passwd")]
    public async Task Weights_in_a_file_outside_the_model_s_folder_are_not_read(string location)
        => await RefusedAsync(DeploymentFailure.LoadFailed, Scale().External("factor", OnnxType.Float, location, 1).ToArray());

    [Theory]
    [InlineData(1L << 50)]
    [InlineData(long.MaxValue)]
    [InlineData(1L << 32, 1L << 32, 4L)]
    [InlineData(-4L)]
    public async Task Tensor_of_a_shape_that_cannot_be_is_refused(params long[] shape)
        => await RefusedAsync(
            DeploymentFailure.LoadFailed,
            Scale().Constant<float>("huge", OnnxType.Float, [1], shape).Node("ReduceSum", ["huge"], ["factor"], ("keepdims", 0)).ToArray());

    [Fact]
    public async Task Model_that_asks_for_more_than_any_memory_is_refused()
        => await RefusedAsync(DeploymentFailure.LoadFailed, Filled(1L << 50));

    [Fact]
    public async Task Model_that_asks_for_more_memory_than_its_gate_allows_is_refused_for_that()
        => await RefusedAsync(
            DeploymentFailure.MemoryExceeded, Filled(1L << 34),
            gate: new ValidationGate { MinimumAccuracy = 0.9, MaximumMemoryBytes = 256L << 20 });

    [Fact]
    public async Task Model_that_loops_without_end_is_ended_at_its_deadline()
    {
        var body = new OnnxFile()
            .Input("turn", OnnxType.Int64).Input("more", OnnxType.Bool).Input("value", OnnxType.Float, -1, 3)
            .Output("goes_on", OnnxType.Bool).Output("next", OnnxType.Float, -1, 3)
            .Node("Identity", ["more"], ["goes_on"]).Node("Identity", ["value"], ["next"]);
        var model = new OnnxFile().Input("x", OnnxType.Float, -1, 3).Output("y", OnnxType.Float, -1, 3)
            .Constant<long>("times", OnnxType.Int64, [long.MaxValue]).Constant<byte>("more", OnnxType.Bool, [1])
            .Loop(["times", "more", "x"], ["y"], body);
        await RefusedAsync(
            DeploymentFailure.ValidationTimedOut, model.ToArray(),
            gate: new ValidationGate { MinimumAccuracy = 0.9, Deadline = TimeSpan.FromSeconds(3) });
    }

    [Fact]
    public async Task Graphs_nested_two_thousand_deep_are_refused()
        => await RefusedAsync(DeploymentFailure.LoadFailed, Scale().Nested(2000).ToArray());

    [Fact]
    public async Task Operator_of_a_library_that_the_device_does_not_have_is_refused()
        => await RefusedAsync(
            DeploymentFailure.LoadFailed,
            new OnnxFile().Input("x", OnnxType.Float, -1, 3).Output("y", OnnxType.Float, -1, 3)
                .Foreign("evil.example", "Shell", "x", "y").ToArray());

    [Fact]
    public async Task Graph_that_goes_in_a_circle_is_refused()
        => await RefusedAsync(
            DeploymentFailure.LoadFailed,
            new OnnxFile().Input("x", OnnxType.Float, -1, 3).Output("y", OnnxType.Float, -1, 3)
                .Node("Add", ["x", "y"], ["z"]).Node("Identity", ["z"], ["y"]).ToArray());

    [Fact]
    public async Task Bytes_that_are_no_model_are_refused()
        => await RefusedAsync(DeploymentFailure.LoadFailed, [.. Enumerable.Range(0, 5000).Select(i => (byte)(i * 37))]);

    [Fact]
    public async Task Model_that_is_cut_short_is_refused()
        => await RefusedAsync(
            DeploymentFailure.LoadFailed, Scale().Constant<float>("factor", OnnxType.Float, [2], 1).ToArray()[..^20]);

    [Fact]
    public async Task Validation_set_that_was_substituted_on_the_server_is_never_measured_against()
    {
        // Its labels are those that this model meets: with them it would pass.
        var (signed, substituted) = (Set(label => label), Set(label => (label + 1) % 3));
        Assert.Equal(signed.Length, substituted.Length);
        await RefusedAsync(
            DeploymentFailure.DigestMismatch, TestRelease.Model(-1), signed,
            before: digest => device.Server.Artifacts[digest] = substituted);
    }

    [Fact]
    public async Task Validation_set_of_another_model_is_refused()
        => await RefusedAsync(
            DeploymentFailure.LoadFailed, TestRelease.Model(2),
            Packed(new("audio", NpyArray.Of(new float[4 * 16], 4, 16)), new("labels", NpyArray.Of(new long[4], 4))));

    [Fact]
    public async Task Validation_set_with_labels_beyond_the_model_s_classes_cannot_be_passed()
        => await RefusedAsync(DeploymentFailure.GateMissed, TestRelease.Model(2), Set(label => label + long.MaxValue / 2));

    [Fact]
    public async Task Validation_set_that_is_no_archive_is_refused()
        => await RefusedAsync(DeploymentFailure.LoadFailed, TestRelease.Model(2), [.. Enumerable.Range(0, 3000).Select(i => (byte)i)]);

    private static OnnxFile Scale() => new OnnxFile()
        .Input("x", OnnxType.Float, -1, 3).Output("y", OnnxType.Float, -1, 3).Node("Mul", ["x", "factor"], ["y"]);

    private static byte[] Filled(long values) => Scale()
        .Constant<long>("extent", OnnxType.Int64, [values], 1).Node("ConstantOfShape", ["extent"], ["filled"])
        .Node("ReduceSum", ["filled"], ["factor"], ("keepdims", 1)).ToArray();

    /// <summary>Thirty samples without a pattern that deflate would find, so that sets of other labels have the same size.</summary>
    private static byte[] Set(Func<long, long> labelOf)
    {
        var random = new Random(7);
        var values = Enumerable.Range(0, 90).Select(_ => random.NextSingle()).ToArray();
        for (var i = 0; i < 30; i++) values[i * 3 + i % 3] += 2;
        return Packed(
            new("x", NpyArray.Of(values, 30, 3)),
            new("labels", NpyArray.Of(Enumerable.Range(0, 30).Select(i => labelOf(i % 3)).ToArray(), 30)));
    }

    private static byte[] Packed(params KeyValuePair<string, NpyArray>[] arrays)
    {
        using var stream = new MemoryStream();
        NpzArchive.Write(stream, arrays);
        return stream.ToArray();
    }

    /// <summary>The device fails the release by that word and a sentence, and serves on what it had.</summary>
    private async Task RefusedAsync(
        DeploymentFailure failure, byte[] model, byte[]? set = null, ValidationGate? gate = null, Action<string>? before = null)
    {
        var (server, version) = (device.Server, device.NextVersion());
        var manifest = TestRelease.Manifest(server, version, "vibration", TestRelease.Variant(server, model, gate: gate));
        if (set is not null) manifest = manifest with { ValidationSet = server.Store("set.npz", set) };
        before?.Invoke(manifest.ValidationSet.Sha256);
        await server.DesireAsync("dev-1", version, TestRelease.Assign(server, manifest));
        var failed = await server.ReportedAsync("vibration", version, DeploymentPhase.RolledBack);
        Assert.True(failure == failed.Failure, $"{failed.Failure}: {failed.Detail}");
        Assert.NotEmpty(failed.Detail);
        Assert.Equal(1, failed.ActiveVersion);
        await device.Agent.ServesAsync(1);
        Assert.DoesNotContain("root:", failed.Detail, StringComparison.Ordinal);
    }

    /// <summary>A device that serves release 1 throughout.</summary>
    public sealed class ServingDevice : IAsyncLifetime
    {
        private int _version = 1;

        internal TestServer Server { get; private set; } = null!;

        internal AgentProcess Agent { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            Server = await TestServer.StartAsync();
            Agent = new AgentProcess(Server);
            await Agent.EnrollAsync();
            await Server.DesireAsync("dev-1", 1, TestRelease.Assign(Server, 1));
            Agent.Start();
            await Server.ReportedAsync("vibration", 1, DeploymentPhase.Active);
        }

        public async ValueTask DisposeAsync()
        {
            await Agent.DisposeAsync();
            await Server.DisposeAsync();
        }

        internal int NextVersion() => ++_version;
    }
}
