using Fleet.Cli.Specs;
using Fleet.TestKit;

namespace Fleet.Cli.Tests.Specs;

public sealed class ExampleSpecTests
{
    public static TheoryData<string> Examples
        => [
            .. Directory.EnumerateFiles(Path.Combine(Repository.Root, "deploy", "examples"), "*.yaml")
                .Select(file => Path.GetFileName(file)),
        ];

    [Theory]
    [MemberData(nameof(Examples))]
    public void Example_spec_is_valid(string file)
        => Assert.NotNull(SpecFile.Read(Path.Combine(Repository.Root, "deploy", "examples", file), filesAreHere: false));

    [Fact]
    public async Task Demo_builds_the_example_that_people_read()
    {
        await using var inside = typeof(SpecFile).Assembly.GetManifestResourceStream("vibration.yaml");
        using var reader = new StreamReader(inside!);
        Assert.Equal(await File.ReadAllTextAsync(Path.Combine(Repository.Root, "deploy", "examples", "vibration.yaml")),
            await reader.ReadToEndAsync());
    }
}
