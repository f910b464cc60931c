using System.Runtime.Versioning;
using Fleet.Cli.Demo;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.Releases;
using Fleet.Contracts.State;
using Fleet.Contracts.Validation;

namespace Fleet.Cli.Tests.Demo;

/// <summary>What a demo says about what the devices chose.</summary>
[SupportedOSPlatform("linux")]
public sealed class DemoTablesTests
{
    [Fact]
    public void Device_that_serves_another_variant_than_the_build_marked_is_named_with_both()
        => Assert.Equal(
            [
                "demo-jetson serves jetson-fp16, not jetson-int8 as the build marked: a device measures every variant it is given and "
                    + "serves the best that passes there.",
            ],
            DemoTables.OtherChoices(Report, [
                Device("demo-x64", "x64", "x64-int8"), Device("demo-jetson", "jetson", "jetson-fp16"),
                Device("idle", "jetson", null), Device("other", "board", "board-int8"), Device("unknown", null, "x64-int8"),
            ]));

    private static BuildReport Report { get; } = new()
    {
        Spec = new BuildSpec { Model = "own" },
        StartedAt = DateTimeOffset.UnixEpoch,
        Duration = TimeSpan.FromSeconds(21),
        MeasuredOn = "a processor",
        DataSha256 = new string('b', 64),
        Samples = new SampleCounts(64, 0, 100),
        Classes = ["0", "1"],
        Student = new NetworkReport { Description = "a student", Parameters = 1, Bytes = 4, Scores = new Scores() },
        Inputs = [],
        Outputs = [],
        ValidationSet = new ArtifactReference("validation.npz", new string('c', 64), 1000),
        Variants =
        [
            Variant("x64", "x64-int8", chosen: true), Variant("jetson", "jetson-int8", chosen: true),
            Variant("jetson", "jetson-fp16", chosen: false),
        ],
    };

    private static VariantReport Variant(string profile, string id, bool chosen)
        => new() { Id = id, Profile = profile, Scheme = "int8-dynamic", Accepted = true, Chosen = chosen };

    private static DeviceView Device(string id, string? profile, string? serves) => new()
    {
        Id = DeviceId.Parse(id),
        Profile = profile,
        Facts = new DeviceFacts { Architecture = "x64" },
        Models =
        [
            new ReportedModel
            {
                Model = "own", Version = 1, Phase = DeploymentPhase.Active, Since = DateTimeOffset.UnixEpoch, ActiveVariant = serves,
            },
        ],
    };
}
