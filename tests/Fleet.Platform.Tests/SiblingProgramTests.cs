using Fleet.TestKit;

namespace Fleet.Platform.Tests;

public sealed class SiblingProgramTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void Program_is_found_beside_this_one_then_in_its_build_output_then_on_the_path()
    {
        var own = Directory.CreateDirectory(_folder["bin", "Fleet.Server", "debug"]).FullName;
        Assert.Null(Find());
        var onPath = Touch(_folder["usr"]);
        Assert.Equal(onPath, Find());
        var built = Touch(_folder["bin", "Fleet.Modeling", "debug"]);
        Assert.Equal(built, Find());
        var beside = Touch(own);
        Assert.Equal(beside, Find());

        string? Find() => SiblingProgram.Find("Fleet.Modeling", "fleet-modeling", own + "/", $"{_folder["absent"]}:{_folder["usr"]}");
    }

    [Fact]
    public void Program_of_the_system_is_found_on_the_path_of_this_process() => Assert.NotNull(SiblingProgram.Find("None", "sh"));

    public void Dispose() => _folder.Dispose();

    private static string Touch(string folder)
    {
        Directory.CreateDirectory(folder);
        var program = Path.Combine(folder, "fleet-modeling");
        File.WriteAllText(program, "");
        return program;
    }
}
