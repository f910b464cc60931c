using Fleet.Cli.Client;
using Fleet.Cli.Specs;
using Fleet.TestKit;

namespace Fleet.Cli.Tests.Specs;

/// <summary>A hardware profile is written by hand, like a build spec.</summary>
public sealed class ProfileFileTests : IDisposable
{
    private const string Spec = """
        model: vibration
        data: { kind: vibration, samples: 600 }
        teacher: { family: conv1d }
        student: { family: conv1d }
        quantization:
          profiles: [x64, boards/mine.yaml]
        """;

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Shipped
        => [.. Directory.EnumerateFiles(Repository.PathOf("deploy", "profiles"), "*.yaml").Select(file => Path.GetFileName(file))];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Shipped))]
    public void Example_profile_is_valid(string file)
    {
        var profile = ProfileFile.Read(Repository.PathOf("deploy", "profiles", file));
        Assert.Equal(Path.GetFileNameWithoutExtension(file), profile.Name);
        Assert.NotEmpty(profile.Runtime.SessionEntries);
    }

    [Fact]
    public void Spec_takes_a_profile_by_its_file_and_carries_it()
    {
        Directory.CreateDirectory(_folder["boards"]);
        File.WriteAllText(_folder["boards", "mine.yaml"],
            "name: mine\nmatch: { architectures: [arm64] }\nnumeric: { activations: int8 }\nbudget: { maximumLatencyP95: 5ms }\n");
        var spec = SpecFile.Parse(Spec, "spec.yaml", _folder.Path);
        Assert.Equal(["x64", "mine"], spec.Quantization.Profiles);
        Assert.Equal(TimeSpan.FromMilliseconds(5), Assert.Single(spec.Quantization.CustomProfiles!).Budget!.MaximumLatencyP95);
    }

    [Fact]
    public void Whole_profile_may_stand_in_the_spec()
    {
        var spec = SpecFile.Parse(
            Spec.Replace("boards/mine.yaml]", "mine]", StringComparison.Ordinal)
                + "\n  customProfiles:\n    - name: mine\n      match: { architectures: [arm64] }\n      numeric: { activations: int8 }\n",
                    "spec.yaml", "/");
        Assert.Equal("mine", Assert.Single(spec.Quantization.CustomProfiles!).Name);
    }

    [Fact]
    public void What_is_wrong_with_a_profile_is_told_at_once_with_the_place_that_names_it()
    {
        Directory.CreateDirectory(_folder["boards"]);
        File.WriteAllText(_folder["boards", "mine.yaml"],
            "name: Mine\nmatch:\n  architectures: [arm64, mips]\nnumeric:\n  activations: int4\n");
        var lines = Assert.Throws<FleetException>(() => SpecFile.Parse(Spec, "spec.yaml", _folder.Path)).Lines;
        Assert.All(lines.Skip(1), line => Assert.StartsWith("spec.yaml:6:19: ", line, StringComparison.Ordinal));
        Assert.Contains(lines, line => line.Contains("name 'Mine' must be", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.Contains(": match.architectures 'mips'", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.Contains(": numeric.activations 'int4'", StringComparison.Ordinal));
    }

    [Fact]
    public void File_that_is_not_there_and_a_key_that_is_not_known_are_named()
    {
        Assert.Contains("nowhere.yaml cannot be read",
            Assert.Throws<FleetException>(() => ProfileFile.Read(_folder["nowhere.yaml"])).Message, StringComparison.Ordinal);
        File.WriteAllText(_folder["a.json"],
            """{"name":"mine","match":{"architectures":["x64"],"flags":[]},"numeric":{"activations":"uint8"}}""");
        Assert.Contains("match.flags is not a known key", Assert.Throws<FleetException>(() => ProfileFile.Read(_folder["a.json"])).Message,
            StringComparison.Ordinal);
    }
}
