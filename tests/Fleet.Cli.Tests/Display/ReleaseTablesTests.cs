using Fleet.Cli.Display;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Tensors;
using Fleet.Contracts.Validation;

namespace Fleet.Cli.Tests.Display;

/// <summary>The tables of <c>fleet releases</c>.</summary>
public sealed class ReleaseTablesTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 27, 12, 0, 0, TimeSpan.Zero);

    private static readonly ReleaseManifest Manifest = new()
    {
        Model = "vibration",
        Version = 3,
        CreatedAt = Now.AddDays(-1),
        ExpiresAt = Now.AddDays(364),
        Build = "20261126-1",
        Inputs = [new TensorDescription("input", "FP32", [-1, 1, 1024])],
        Outputs = [new TensorDescription("logits", "FP32", [-1, 2])],
        Classes = ["healthy", "worn"],
        ValidationSet = new ArtifactReference("validation.npz", new string('a', 64), 2048),
        Variants =
        [
            new Variant
            {
                Id = "x64-int8", Profile = "x64", Scheme = "int8-static-u8s8",
                Artifact = new ArtifactReference("x64-int8.onnx", "0123456789abcdef" + new string('b', 48), 21_504),
                Expected = new Scores { Accuracy = 0.98 }, Gate = new ValidationGate { MinimumAccuracy = 0.96 },
            },
            new Variant
            {
                Id = "arm-cpu-int8", Profile = "arm-cpu", Scheme = "int8-static-s8s8",
                Artifact = new ArtifactReference("arm-cpu-int8.onnx", new string('c', 64), 1024),
                Expected = new Scores { Accuracy = 0.97 }, Gate = new ValidationGate(),
            },
        ],
    };

    [Fact]
    public void List_has_a_line_a_release_and_shortens_the_key()
    {
        ReleaseView release = new() { Manifest = Manifest, KeyId = "0123456789abcdef", ActiveDevices = 1234 };
        var (table, hints) = Screen.Of(screen => ReleaseTables.WriteList(screen, [release], Now));
        Assert.Matches(@"(?m)^MODEL +VERSION +VARIANTS +SERVING ON +SIGNED +EXPIRES +KEY$", table);
        Assert.Matches(
            @"(?m)^vibration +3 +x64-int8, arm-cpu-int8 +1,234 +2026-11-26 12:00:00Z +2027-11-26 12:00:00Z +0123456789ab$", table);
        Assert.Empty(hints);
    }

    [Fact]
    public void Release_says_whose_word_its_figures_are_and_whose_the_samples_of_devices()
    {
        var measured = new MeasuredBy("builder-7", "a laptop", new string('d', 64), "contractor");
        var (table, _) = Screen.Of(screen => ReleaseTables.Write(screen, Manifest with { Measured = measured }, "k"));
        Assert.Contains("by worker builder-7 with key contractor, on a laptop", table, StringComparison.Ordinal);
        Assert.Contains("devices measure again, with samples that this worker chose", table, StringComparison.Ordinal);
        Assert.Contains(
            "does not say by whom", Screen.Of(screen => ReleaseTables.Write(screen, Manifest, "k")).Item1, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(1, false)]
    public void Release_has_expired_at_the_moment_it_names(int secondsLeft, bool expired)
    {
        ReleaseView release = new() { Manifest = Manifest, KeyId = "k" };
        var (table, _) = Screen.Of(screen => ReleaseTables.WriteList(screen, [release], Manifest.ExpiresAt.AddSeconds(-secondsLeft)));
        Assert.Equal(expired, table.Contains("  expired  ", StringComparison.Ordinal));
    }

    [Fact]
    public void Withdrawn_release_names_the_devices_that_still_serve_it()
    {
        ReleaseView release = new()
        {
            Manifest = Manifest,
            KeyId = "k",
            WithdrawnAt = Now,
            ActiveDevices = 3,
            StillServing = [DeviceId.Parse("press-1"), DeviceId.Parse("press-2")],
        };
        var (list, _) = Screen.Of(screen => ReleaseTables.WriteList(screen, [release], Now));
        Assert.Contains("  withdrawn  ", list, StringComparison.Ordinal);
        var (use, hints) = Screen.Of(screen => ReleaseTables.WriteUse(screen, release));
        Assert.Contains("Still serving on 3 devices: press-1, press-2 and 1 more.", use, StringComparison.Ordinal);
        Assert.Contains("hears of it when it returns", hints, StringComparison.Ordinal);
        var (done, _) = Screen.Of(screen => ReleaseTables.WriteUse(screen, release with { ActiveDevices = 0, StillServing = [] }));
        Assert.Contains("No device serves it any more.", done, StringComparison.Ordinal);
        var (kept, _) = Screen.Of(screen => ReleaseTables.WriteUse(screen, release with { KeepServing = true }));
        Assert.Contains("go on until another release takes its place", kept, StringComparison.Ordinal);
    }

    [Fact]
    public void Where_there_are_none_a_hint_says_how_one_is_made()
    {
        var (_, hints) = Screen.Of(screen => ReleaseTables.WriteList(screen, [], Now));
        Assert.Equal("There are no releases. 'fleet releases create BUILD' makes one from a build.\n", hints);
    }

    [Fact]
    public void Release_is_shown_with_its_variants_and_their_gates()
    {
        var (text, _) = Screen.Of(screen => ReleaseTables.Write(screen, Manifest, "0123456789abcdef"));
        Assert.StartsWith("Release vibration 3\n", text, StringComparison.Ordinal);
        Assert.Matches(@"(?m)^Signed +2026-11-26 12:00:00Z by key 0123456789ab$", text);
        Assert.Matches(@"(?m)^Inputs +input FP32 \[-1, 1, 1024\]$", text);
        Assert.Matches(@"(?m)^Classes +healthy, worn$", text);
        Assert.Matches(@"(?m)^Judged by +validation\.npz, 2\.0 kB$", text);
        Assert.Matches(@"(?m)^x64-int8 +x64 +int8-static-u8s8 +21\.5 kB +98\.0 % +accuracy >= 96\.0 % +0123456789ab$", text);
        Assert.Matches(@"(?m)^arm-cpu-int8 +arm-cpu +int8-static-s8s8 +1\.0 kB +97\.0 % +none +cccccccccccc$", text);
    }

    [Fact]
    public void Release_read_from_a_file_names_no_key_and_a_model_without_classes_no_classes()
    {
        var (text, _) = Screen.Of(screen => ReleaseTables.Write(screen, Manifest with { Classes = [] }, keyId: null));
        Assert.Matches(@"(?m)^Signed +2026-11-26 12:00:00Z$", text);
        Assert.DoesNotContain("Classes", text, StringComparison.Ordinal);
    }
}
