using System.Text.Json;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Tasks;

namespace Fleet.Contracts.Tests;

/// <summary>Profiles are data: those that ship, and those people write.</summary>
public sealed class ProfileTests
{
    private static readonly HardwareProfile Board = new()
    {
        Name = "my-board",
        Description = "Gateway of line 4",
        Priority = 30,
        Match = new ProfileMatch { Architectures = ["arm64"], RequiredIsaFlags = ["asimddp"], ForbiddenIsaFlags = ["sve"] },
        Numeric = new NumericRules { Activations = "int8" },
        Runtime = new RuntimeSettings
        {
            IntraOpThreads = 2,
            SessionEntries = new Dictionary<string, string> { ["session.intra_op.allow_spinning"] = "0" },
        },
        Budget = new ProfileBudget
        {
            MaximumBytes = 4_000_000,
            MaximumLatencyP95 = TimeSpan.FromMilliseconds(30),
            MaximumMemoryBytes = 256 << 20,
        },
    };

    /// <summary>Each rule broken once: what is changed, and what the one sentence must say.</summary>
    private static readonly Dictionary<string, (Func<HardwareProfile, HardwareProfile> Break, string Says)> Rows = new()
    {
        ["name"] = (profile => profile with { Name = "My Board" }, "name 'My Board' must be 1 to 64"),
        ["name of a built-in one"] = (profile => profile with { Name = "x64" }, "name 'x64' is that of a built-in profile"),
        ["description"] = (profile => profile with { Description = new string('a', 501) }, "description has 501 characters"),
        ["priority"] = (profile => profile with { Priority = -1 }, "priority -1 must be within 0..1000"),
        ["no architecture"] = (profile => Match(profile, match => match with { Architectures = [] }),
            "match.architectures must name at least one of x64, arm64, arm"),
        ["unknown architecture"] = (
            profile => Match(profile, match => match with { Architectures = ["mips"] }), "match.architectures 'mips' is not known"),
        ["flag"] = (profile => Match(profile, match => match with { RequiredIsaFlags = ["AVX 2"] }),
            "match.requiredIsaFlags 'AVX 2' must be a flag"),
        ["forbidden flag"] = (profile => Match(profile, match => match with { ForbiddenIsaFlags = ["\n"] }), "match.forbiddenIsaFlags"),
        ["contradiction"] = (profile => Match(profile, match => match with { ForbiddenIsaFlags = ["asimddp"] }),
            "match.requiredIsaFlags 'asimddp' is forbidden as well"),
        ["too many flags"] = (profile =>
            Match(profile, match => match with { RequiredIsaFlags = [.. Enumerable.Range(0, 33).Select(i => $"flag{i}")] }),
                "match.requiredIsaFlags has 33 entries"),
        ["accelerator"] = (profile => Match(profile, match => match with { Accelerators = ["a b"] }), "match.accelerators 'a b'"),
        ["activations"] = (profile => profile with { Numeric = profile.Numeric with { Activations = "int4" } },
            "numeric.activations 'int4' is not known; it is one of uint8, int8"),
        ["weights"] = (profile => profile with { Numeric = profile.Numeric with { Weights = "int16" } },
            "numeric.weights 'int16' is not known"),
        ["weights without a sign under signed activations"] = (
            profile => profile with { Numeric = profile.Numeric with { Weights = "uint8" } },
            "numeric.weights 'uint8' needs uint8 activations"),
        ["symmetric and unsigned"] = (
            profile => profile with { Numeric = new NumericRules { Activations = "uint8", SymmetricActivations = true } },
            "numeric.symmetricActivations true needs int8"),
        ["no provider"] = (profile => profile with { Runtime = profile.Runtime with { ExecutionProviders = [] } },
            "runtime.executionProviders must name at least one"),
        ["provider"] = (profile => profile with { Runtime = profile.Runtime with { ExecutionProviders = ["../lib.so"] } },
            "runtime.executionProviders '../lib.so'"),
        ["threads"] = (profile => profile with { Runtime = profile.Runtime with { IntraOpThreads = 257 } }, "runtime.intraOpThreads 257"),
        ["entry"] = (profile => profile with
        {
            Runtime = profile.Runtime with { SessionEntries = new Dictionary<string, string> { ["a b"] = "1" } },
        }, "runtime.sessionEntries 'a b'"),
        ["bytes"] = (profile => profile with { Budget = new ProfileBudget { MaximumBytes = 0 } }, "budget.maximumBytes 0 must be above 0"),
        ["latency"] = (profile => profile with { Budget = new ProfileBudget { MaximumLatencyP95 = TimeSpan.Zero } },
            "budget.maximumLatencyP95 00:00:00 must be above zero"),
        ["memory"] = (profile => profile with { Budget = new ProfileBudget { MaximumMemoryBytes = -1 } }, "budget.maximumMemoryBytes -1"),
    };

    public static TheoryData<string> Broken => [.. Rows.Keys];

    public static TheoryData<string> BuiltIns => [.. BuiltInProfiles.All.Select(profile => profile.Name)];

    [Fact]
    public void Sample_profile_breaks_no_rule() => Assert.Empty(ProfileRules.ProblemsOf(Board));

    [Theory]
    [MemberData(nameof(Broken))]
    public void Broken_rule_is_named_once_with_its_key_and_value(string rule)
        => Assert.StartsWith(Rows[rule].Says, Assert.Single(ProfileRules.ProblemsOf(Rows[rule].Break(Board))), StringComparison.Ordinal);

    [Fact]
    public void All_that_is_wrong_is_told_at_once_below_the_key_it_stands_under()
    {
        var problems = ProfileRules.ProblemsOf(
            [Rows["priority"].Break(Rows["activations"].Break(Board)), Board], "quantization.customProfiles");
        Assert.Equal(3, problems.Count);
        Assert.StartsWith("quantization.customProfiles[0].priority -1", problems[0], StringComparison.Ordinal);
        Assert.StartsWith("quantization.customProfiles[0].numeric.activations 'int4'", problems[1], StringComparison.Ordinal);
        Assert.Equal("quantization.customProfiles has 2 profiles named 'my-board'.", problems[2]);
        Assert.Contains("17 profiles; at most 16", Assert.Single(ProfileRules.ProblemsOf([.. Enumerable.Repeat(Board, 17)], "profiles")),
            StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(BuiltIns))]
    public void Profile_that_ships_holds_to_the_rules_but_for_its_name(string name)
    {
        Assert.Contains("is that of a built-in profile", Assert.Single(ProfileRules.ProblemsOf(BuiltInProfiles.Find(name)!)),
            StringComparison.Ordinal);
        Assert.NotEqual("", BuiltInProfiles.Find(name)!.Description);
    }

    [Theory]
    [InlineData("x64", "avx2 avx512_vnni", "x64")]
    [InlineData("x64", "avx2 avx_vnni", "x64")]
    [InlineData("x64", "avx2", "x64-avx2")]
    [InlineData("x64", "sse4_2", "x64")]
    [InlineData("arm64", "asimd", "arm-cpu")]
    [InlineData("arm64", "asimd asimddp", "arm-cpu-dotprod")]
    public void Processor_belongs_to_the_profile_whose_kernels_it_runs(string architecture, string flags, string profile)
        => Assert.Equal(profile,
            HardwareProfile.For(new DeviceFacts { Architecture = architecture, IsaFlags = flags.Split(' ') }, BuiltInProfiles.All)!.Name);

    [Fact]
    public void Jetson_with_the_dot_product_stays_a_jetson()
        => Assert.Equal("jetson",
            HardwareProfile.For(new DeviceFacts { Architecture = "arm64", IsaFlags = ["asimddp"], Accelerators = ["nvidia-tegra"] },
                BuiltInProfiles.All)!.Name);

    [Fact]
    public void What_saturates_has_unsigned_weights_and_the_setting_as_well()
    {
        Assert.Equal(("uint8", "uint8"), (BuiltInProfiles.X64Avx2.Numeric.Activations, BuiltInProfiles.X64Avx2.Numeric.Weights));
        Assert.All([BuiltInProfiles.X64, BuiltInProfiles.X64Avx2],
            profile => Assert.Equal("1", profile.Runtime.SessionEntries["session.x64quantprecision"]));
    }

    [Fact]
    public void Device_takes_what_a_release_has_for_the_most_special_profile_it_matches()
    {
        var haswell = new DeviceFacts { Architecture = "x64", IsaFlags = ["avx2"] };
        string? Served(DeviceFacts facts, params string[] offered)
            => HardwareProfile.Served(facts, [.. BuiltInProfiles.All, Board], offered);
        Assert.Equal("x64-avx2", Served(haswell, "x64", "x64-avx2", "arm-cpu"));
        // Releases made before there was such a profile.
        Assert.Equal("x64", Served(haswell, "x64", "arm-cpu"));
        Assert.Null(Served(haswell, "arm-cpu", "jetson"));
        var board = new DeviceFacts { Architecture = "arm64", IsaFlags = ["asimddp"] };
        Assert.Equal("my-board", Served(board, "arm-cpu", "my-board"));
        Assert.Equal("arm-cpu", Served(board with { IsaFlags = ["asimddp", "sve"] }, "arm-cpu", "my-board"));
        // What a person declares is not second-guessed.
        Assert.Equal("arm-cpu", Served(board with { DeclaredProfile = "arm-cpu" }, "arm-cpu", "my-board"));
        Assert.Null(Served(board with { DeclaredProfile = "jetson" }, "arm-cpu", "my-board"));
    }

    [Fact]
    public void Profile_reads_back_as_it_was_written()
        => Assert.Equivalent(Board,
            JsonSerializer.Deserialize(
                JsonSerializer.Serialize(Board, FleetJson.Default.HardwareProfile), FleetJson.Strict.HardwareProfile), strict: true);

    [Fact]
    public void Manifest_carries_profiles_that_devices_do_not_know()
    {
        var manifest = Samples.Manifest() with
        {
            Profiles = [Board],
            Variants = [.. Samples.Manifest().Variants, Samples.Manifest().Variants[0] with { Id = "my-board-int8", Profile = "my-board" }],
        };
        Assert.Empty(ManifestRules.ProblemsOf(manifest));
        var read = JsonSerializer.Deserialize(
            JsonSerializer.Serialize(manifest, FleetJson.Default.ReleaseManifest), FleetJson.Default.ReleaseManifest)!;
        Assert.Equal("my-board", read.ProfileFor(new DeviceFacts { Architecture = "arm64", IsaFlags = ["asimddp"] }));
        Assert.Equal("x64", read.ProfileFor(Samples.X64Facts));
        Assert.Null((read with { Profiles = null }).ProfileFor(new DeviceFacts { Architecture = "arm64", IsaFlags = ["asimddp"] }));
        Assert.Contains("profiles[0].name 'x64' is that of a built-in profile",
            Assert.Single(ManifestRules.ProblemsOf(manifest with { Profiles = [Board with { Name = "x64" }] })), StringComparison.Ordinal);
        // An agent of today reads a manifest of yesterday.
        Assert.DoesNotContain("profiles", JsonSerializer.Serialize(Samples.Manifest(), FleetJson.Default.ReleaseManifest),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Spec_may_name_its_own_profiles_and_is_told_what_is_wrong_with_them()
    {
        BuildSpec With(QuantizationSpec quantization) => Samples.Spec() with { Quantization = quantization };
        Assert.Empty(BuildSpecRules.ProblemsOf(With(new QuantizationSpec { Profiles = ["x64", "my-board"], CustomProfiles = [Board] })));
        Assert.Contains("it is one of arm-cpu, arm-cpu-dotprod, jetson, x64, x64-avx2, my-board",
            Assert.Single(BuildSpecRules.ProblemsOf(
                With(new QuantizationSpec { Profiles = ["my-board", "toaster"], CustomProfiles = [Board] }))), StringComparison.Ordinal);
        Assert.StartsWith("quantization.customProfiles[0].name 'my-board' is not among quantization.profiles",
            Assert.Single(BuildSpecRules.ProblemsOf(With(new QuantizationSpec { Profiles = ["x64"], CustomProfiles = [Board] }))),
            StringComparison.Ordinal);
        Assert.StartsWith("quantization.customProfiles[0].priority -1",
            Assert.Single(BuildSpecRules.ProblemsOf(With(new QuantizationSpec
            {
                Profiles = ["my-board"],
                CustomProfiles = [Board with { Priority = -1 }],
            }))), StringComparison.Ordinal);
        Assert.Equal("quantization.profiles names a profile twice.",
            Assert.Single(BuildSpecRules.ProblemsOf(With(new QuantizationSpec { Profiles = ["x64", "x64"] }))));
    }

    [Fact]
    public void Gate_of_a_variant_holds_the_tighter_of_spec_and_profile()
    {
        var gate = new GateSpec { MaximumLatencyP95 = TimeSpan.FromMilliseconds(20), MaximumMemoryBytes = 1L << 30 }
            .For(ModelTask.Classification, Samples.Measured, Board.Budget);
        Assert.Equal((TimeSpan.FromMilliseconds(20), 256L << 20), (gate.MaximumLatencyP95!.Value, gate.MaximumMemoryBytes!.Value));
        Assert.Equal(TimeSpan.FromMilliseconds(30),
            new GateSpec().For(ModelTask.Classification, Samples.Measured, Board.Budget).MaximumLatencyP95);
        Assert.Null(new GateSpec().For(ModelTask.Classification, Samples.Measured).MaximumLatencyP95);
    }

    private static HardwareProfile Match(HardwareProfile profile, Func<ProfileMatch, ProfileMatch> change)
        => profile with { Match = change(profile.Match) };
}
