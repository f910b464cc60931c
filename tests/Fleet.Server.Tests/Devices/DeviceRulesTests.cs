using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Protocol;
using Fleet.Contracts.State;
using Fleet.Server.Devices;

namespace Fleet.Server.Tests.Devices;

/// <summary>What is taken from a device and what is not, each rule at its border and one past it.</summary>
public sealed class DeviceRulesTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 27, 12, 0, 0, TimeSpan.Zero);

    private static readonly DeviceFacts Facts = new() { Architecture = "x64" };

    private static readonly ReportedState Report = new() { Revision = 1, Facts = Facts, Models = [Model("speech")] };

    private static readonly Dictionary<string, (DeviceFacts Allowed, DeviceFacts Refused, string Says)> FactRows = new()
    {
        ["architecture"] = (Facts with { Architecture = Letters(Limits.NameLength) },
            Facts with { Architecture = Letters(Limits.NameLength + 1) }, "facts.architecture 'aaa"),
        ["no architecture"] = (Facts, Facts with { Architecture = "" }, "facts.architecture '' must be 1 to 64"),
        ["declared profile"] = (Facts with { DeclaredProfile = "jetson" }, Facts with { DeclaredProfile = "Jetson" },
            "facts.declaredProfile 'Jetson' must be"),
        ["processor"] = (Facts with { Processor = Letters(256) }, Facts with { Processor = Letters(257) },
            "facts.processor has 257 characters; at most 256 are accepted."),
        ["operating system"] = (Facts with { OperatingSystem = Letters(256) }, Facts with { OperatingSystem = Letters(257) },
            "facts.operatingSystem has 257 characters"),
        ["agent version"] = (Facts with { AgentVersion = Letters(256) }, Facts with { AgentVersion = Letters(257) },
            "facts.agentVersion has 257 characters"),
        ["flags"] = (Facts with { IsaFlags = Many(512) }, Facts with { IsaFlags = Many(513) }, "facts.isaFlags may hold at most 512 names"),
        ["length of a flag"] = (Facts with { IsaFlags = [Letters(Limits.NameLength)] },
            Facts with { IsaFlags = [Letters(Limits.NameLength + 1)] }, "facts.isaFlags may hold at most 512 names of at most 64"),
        ["accelerators"] = (Facts with { Accelerators = Many(32) }, Facts with { Accelerators = Many(33) }, "facts.accelerators"),
        ["processors"] = (Facts with { LogicalCpus = 65_536 }, Facts with { LogicalCpus = 65_537 }, "facts.logicalCpus 65537 is beyond"),
        ["memory"] = (Facts with { MemoryBytes = 1L << 60 }, Facts with { MemoryBytes = long.MaxValue },
            "facts.memoryBytes 9223372036854775807 is beyond"),
        ["execution providers"] = (Facts with { ExecutionProviders = Many(32) }, Facts with { ExecutionProviders = Many(33) },
            "facts.executionProviders may hold at most 32 names"),
    };

    private static readonly Dictionary<string, (ReportedState Allowed, ReportedState Refused, string Says)> ReportRows = new()
    {
        ["oldest protocol"] = (Report with { Protocol = ProtocolVersion.Oldest }, Report with { Protocol = ProtocolVersion.Oldest - 1 },
            "it speaks protocol 0"),
        ["newest protocol"] = (Report with { Protocol = ProtocolVersion.Current }, Report with { Protocol = ProtocolVersion.Current + 1 },
            $"it speaks protocol {ProtocolVersion.Current + 1}"),
        ["revision"] = (Report with { Revision = 0 }, Report with { Revision = -1 }, "revision -1 is beyond 0..9007199254740992"),
        ["largest revision"] = (Report with { Revision = 1L << 53 }, Report with { Revision = long.MaxValue },
            "revision 9223372036854775807 is beyond"),
        ["version"] = (Report, Report with { Models = [Model("speech") with { Version = 0 }] }, "version 0 of speech is below 1"),
        ["version that serves"] = (Report with { Models = [Model("speech") with { ActiveVersion = 1 }] },
            Report with { Models = [Model("speech") with { ActiveVersion = int.MinValue }] }, "version -2147483648 of speech is below 1"),
        ["variant"] = (Report with { Models = [Model("speech") with { Variant = "x64-int8" }] },
            Report with { Models = [Model("speech") with { Variant = "\u001b[2J" }] }, "of speech must be 1 to 64"),
        ["bytes fetched"] = (Report with { Models = [Model("speech") with { DownloadedBytes = 1L << 60 }] },
            Report with { Models = [Model("speech") with { DownloadedBytes = -1 }] }, "-1 bytes of speech fetched are beyond"),
        ["models"] = (Report with { Models = Models(Limits.ModelsPerDevice) }, Report with { Models = Models(Limits.ModelsPerDevice + 1) },
            "it names 17 models; a device runs at most 16"),
        ["name of a model"] = (Report, Report with { Models = [Model("Speech")] }, "model 'Speech' must be"),
        ["model twice"] = (Report with { Models = [Model("a"), Model("b")] }, Report with { Models = [Model("a"), Model("a")] },
            "it names a model twice"),
        ["detail"] = (Report with { Models = [Model("speech") with { Detail = Letters(Limits.DetailLength) }] },
            Report with { Models = [Model("speech") with { Detail = Letters(Limits.DetailLength + 1) }] },
            "the detail of speech is longer than 2000 characters"),
        ["facts"] = (Report, Report with { Facts = Facts with { Architecture = "X64" } }, "facts.architecture 'X64' must be"),
    };

    private static readonly Dictionary<string, (Dictionary<string, string> Allowed, Dictionary<string, string> Refused, string Says)>
        LabelRows = new()
        {
            ["how many"] = (Labels(Limits.LabelsPerDevice), Labels(Limits.LabelsPerDevice + 1), "33 labels are too many"),
            ["key"] = (new() { [Letters(Limits.NameLength)] = "x" }, new() { [Letters(Limits.NameLength + 1)] = "x" }, "must be 1 to 64"),
            ["spelling of a key"] = (new() { ["site"] = "x" }, new() { ["Site"] = "x" }, "Label 'Site' must be"),
            ["value"] = (new() { ["site"] = Letters(Limits.NameLength) }, new() { ["site"] = Letters(Limits.NameLength + 1) },
                "The value of label 'site' must have 1 to 64 characters"),
            ["no value"] = (new() { ["site"] = "x" }, new() { ["site"] = "" }, "The value of label 'site'"),
            ["comma"] = (new() { ["site"] = "a;b" }, new() { ["site"] = "a,b" }, "and no comma"),
        };

    public static TheoryData<string> OfFacts => [.. FactRows.Keys];

    public static TheoryData<string> OfReports => [.. ReportRows.Keys];

    public static TheoryData<string> OfLabels => [.. LabelRows.Keys];

    [Theory]
    [MemberData(nameof(OfFacts))]
    public void Facts_are_taken_at_the_limit_and_not_past_it(string rule)
    {
        Assert.Empty(DeviceRules.ProblemsOf(FactRows[rule].Allowed));
        Assert.Contains(FactRows[rule].Says, Assert.Single(DeviceRules.ProblemsOf(FactRows[rule].Refused)), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(OfReports))]
    public void Report_is_taken_at_the_limit_and_not_past_it(string rule)
    {
        Assert.Null(DeviceRules.ProblemOf(ReportRows[rule].Allowed));
        Assert.Contains(ReportRows[rule].Says, DeviceRules.ProblemOf(ReportRows[rule].Refused), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(OfLabels))]
    public void Labels_are_taken_at_the_limit_and_not_past_it(string rule)
    {
        Assert.Empty(DeviceRules.ProblemsOf(LabelRows[rule].Allowed));
        Assert.Contains(LabelRows[rule].Says, Assert.Single(DeviceRules.ProblemsOf(LabelRows[rule].Refused)), StringComparison.Ordinal);
    }

    [Fact]
    public void Everything_that_is_wrong_with_facts_is_told_at_once()
    {
        var wrong = new DeviceFacts { Architecture = "", Processor = Letters(300), IsaFlags = Many(600), Accelerators = Many(40) };
        Assert.Equal(4, DeviceRules.ProblemsOf(wrong).Count);
    }

    [Fact]
    public void No_labels_at_all_are_nothing_to_complain_about()
        => Assert.Empty(DeviceRules.ProblemsOf((IReadOnlyDictionary<string, string>?)null));

    [Fact]
    public void Change_sets_what_it_gives_removes_what_is_null_and_leaves_the_rest()
    {
        var labels = new Dictionary<string, string> { ["site"] = "berlin", ["line"] = "3", ["shift"] = "night" };
        var changed = DeviceRules.Apply(labels, new Dictionary<string, string?> { ["line"] = "4", ["shift"] = null, ["bay"] = "a" });
        Assert.Equal([new("bay", "a"), new("line", "4"), new("site", "berlin")], changed);
    }

    /// <summary>A command that is sent again after a lost answer must not change more than the first did.</summary>
    [Fact]
    public void Change_applied_twice_is_the_same_as_once()
    {
        var random = new Random(7);
        string[] names = ["a", "b", "c", "d"];
        for (var attempt = 0; attempt < 2000; attempt++)
        {
            var before = names.Where(_ => random.Next(2) == 0).ToDictionary(name => name, _ => $"{random.Next(3)}");
            var change = names.Where(_ => random.Next(2) == 0)
                .ToDictionary(name => name, _ => random.Next(3) is > 0 and var n ? $"{n}" : null);

            var once = DeviceRules.Apply(before, change);

            Assert.Equal(once, DeviceRules.Apply(once, change));
            Assert.All(change, each => Assert.Equal(each.Value, once.GetValueOrDefault(each.Key)));
            Assert.All(before.Where(each => !change.ContainsKey(each.Key)), each => Assert.Equal(each.Value, once[each.Key]));
        }
    }

    private static string Letters(int count) => new('a', count);

    private static string[] Many(int count) => [.. Enumerable.Range(0, count).Select(i => $"n{i}")];

    private static Dictionary<string, string> Labels(int count) => Enumerable.Range(0, count).ToDictionary(i => $"l{i}", _ => "x");

    private static ReportedModel[] Models(int count) => [.. Enumerable.Range(0, count).Select(i => Model($"m{i}"))];

    private static ReportedModel Model(string name)
        => new() { Model = name, Version = 1, Phase = DeploymentPhase.Active, Since = Now };
}
