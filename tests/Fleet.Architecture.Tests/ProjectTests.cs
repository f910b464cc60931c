using System.Xml.Linq;
using Fleet.TestKit;

namespace Fleet.Architecture.Tests;

/// <summary>What a project may reference, read from its file.</summary>
public sealed class ProjectTests
{
    [Theory]
    [InlineData("shared/Fleet.Contracts", "", "contracts reference nothing, so that everything may reference them")]
    [InlineData("shared/Fleet.Platform", "", "files and processes are the same whatever a program is for")]
    [InlineData("agent/Fleet.Agent", "Fleet.Contracts Fleet.Platform", "the agent ships to devices alone")]
    [InlineData("server/Fleet.Server", "Fleet.Contracts Fleet.Platform", "the server, its workers and its tool are deployed apart")]
    [InlineData("server/Fleet.Cli", "Fleet.Contracts Fleet.Platform", "the tool speaks the public API")]
    [InlineData("server/Fleet.Modeling", "Fleet.Contracts Fleet.Platform Fleet.Quantization", "a worker may run on another machine")]
    [InlineData("server/Fleet.Quantize", "Fleet.Contracts Fleet.Platform Fleet.Quantization",
        "the program hosts the library and nothing else")]
    [InlineData("server/Fleet.Quantization", "Fleet.Contracts Fleet.Platform",
        "models are quantized, judged and proven on any machine, by any program")]
    [InlineData("tests/Fleet.TestKit", "Fleet.Contracts", "whatever runs a test can load the kit")]
    public void Project_references_only(string project, string allowed, string why)
        => Assert.True(allowed == string.Join(' ', ReferencesOf(File.ReadAllText(FileOf(project)))),
            $"{project} references more than '{allowed}': {why}.");

    [Theory]
    [InlineData("shared/Fleet.Contracts", "", "no packages: what both sides agree on needs none")]
    [InlineData("shared/Fleet.Platform", "", "every package of it would be one of every program")]
    [InlineData("agent/Fleet.Agent",
        "MQTTnet Microsoft.Extensions.Hosting Microsoft.Extensions.Hosting.Systemd Microsoft.ML.OnnxRuntime System.CommandLine "
            + "System.Numerics.Tensors LiteDB", "every package of the agent is shipped to every device")]
    [InlineData("server/Fleet.Server",
        "MQTTnet.Server MQTTnet.AspNetCore LiteDB Pkcs11Interop prometheus-net BouncyCastle.Cryptography Npgsql "
            + "Microsoft.Extensions.Hosting.Systemd Microsoft.AspNetCore.OpenApi "
            + "Microsoft.AspNetCore.Authentication.JwtBearer Microsoft.AspNetCore.Authentication.OpenIdConnect",
        "the server is a broker, a store and a web host")]
    [InlineData("server/Fleet.Modeling",
        "TorchSharp libtorch-cpu-linux-x64 Microsoft.ML.OnnxRuntime System.Numerics.Tensors Google.Protobuf Microsoft.Extensions.Hosting "
            + "System.CommandLine Parquet.Net", "only the worker carries native training code")]
    [InlineData("server/Fleet.Quantize", "", "what runs a model is small to install")]
    [InlineData("server/Fleet.Quantization",
        "Microsoft.ML.OnnxRuntime System.Numerics.Tensors Google.Protobuf Grpc.Tools MathNet.Numerics "
            + "SkiaSharp SkiaSharp.NativeAssets.Linux.NoDependencies",
        "whoever takes the library takes its packages with it")]
    [InlineData("server/Fleet.Cli", "System.CommandLine Spectre.Console YamlDotNet", "the tool is small")]
    [InlineData("tests/Fleet.TestKit", "", "whatever runs a test can load the kit")]
    public void Project_takes_only_these_packages(string project, string allowed, string why)
    {
        var foreign = PackagesOf(File.ReadAllText(FileOf(project))).Except(allowed.Split(' ')).ToList();
        Assert.True(foreign.Count == 0,
            $"{project} takes {string.Join(", ", foreign)} as well: {why}. A new package comes with a line on what it saves and what it "
                + $"weighs.");
    }

    [Fact]
    public void Versions_are_kept_in_one_place()
        => Assert.All(Projects(),
            project => Assert.DoesNotContain(
                XDocument.Load(project).Descendants("PackageReference"), package => package.Attribute("Version") is not null));

    [Fact]
    public void Every_project_is_in_the_solution()
    {
        var solution = File.ReadAllText(Repository.PathOf("Fleet.sln")).Replace('\\', '/');
        Assert.All(Projects(), project =>
            Assert.Contains(Path.GetRelativePath(Repository.Root, project), solution, StringComparison.Ordinal));
    }

    [Fact]
    public void Reading_sees_a_reference_and_passes_over_one_that_only_orders_the_build()
    {
        const string Text = """
            <Project><ItemGroup>
              <ProjectReference Include="..\Fleet.Server\Fleet.Server.csproj;../Fleet.Modeling/Fleet.Modeling.csproj" />
              <ProjectReference Include="../../agent/Fleet.Agent/Fleet.Agent.csproj" ReferenceOutputAssembly="false" />
              <PackageReference Include="LiteDB" />
            </ItemGroup></Project>
            """;
        Assert.Equal(["Fleet.Server", "Fleet.Modeling"], ReferencesOf(Text));
        Assert.Equal(["LiteDB"], PackagesOf(Text));
    }

    private static string FileOf(string project) => Repository.PathOf(project, Path.GetFileName(project) + ".csproj");

    private static IEnumerable<string> Projects() => ((string[])["shared", "agent", "server", "tests"])
        .SelectMany(folder => Directory.EnumerateFiles(Repository.PathOf(folder), "*.csproj", SearchOption.AllDirectories));

    // 'fleet demo' starts the other programs: its build waits for theirs, and nothing of theirs is referenced.
    private static IEnumerable<string> ReferencesOf(string project) => XDocument.Parse(project).Descendants("ProjectReference")
        .Where(reference => (string?)reference.Attribute("ReferenceOutputAssembly") != "false")
        .SelectMany(reference => ((string)reference.Attribute("Include")!)
            .Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        .Select(path => Path.GetFileNameWithoutExtension(path.Replace('\\', '/')));

    private static IEnumerable<string> PackagesOf(string project)
        => XDocument.Parse(project).Descendants("PackageReference").Select(package => (string)package.Attribute("Include")!);
}
