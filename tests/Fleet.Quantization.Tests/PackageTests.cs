using Fleet.Contracts;
using Fleet.Contracts.Tensors;
using Fleet.Quantization.Tests.Models;
using Fleet.TestKit;

namespace Fleet.Quantization.Tests;

/// <summary>The library as others take it: packed, restored from a folder, and used as its README says.</summary>
public sealed class PackageTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(8);

    [Fact]
    public async Task Example_of_the_package_is_compiled_against_it_and_quantizes_a_model()
    {
        using var folder = new ScratchFolder();
        var configuration = new DirectoryInfo(AppContext.BaseDirectory).Name;
        var packed = await ChildProcess.RunAsync("dotnet",
            ["pack", Repository.PathOf("server", "Fleet.Quantization"), "--no-build", "-c", configuration, "-o", folder.File("feed")],
            Deadline);
        Assert.True(packed.Code == 0, packed.Output);
        var package = Assert.Single(Directory.EnumerateFiles(folder.File("feed"), "Fleet.Quantization.*.nupkg"));
        var version = Path.GetFileNameWithoutExtension(package)["Fleet.Quantization.".Length..];

        Directory.CreateDirectory(folder.File("consumer"));
        Write(folder, "consumer.csproj", $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net10.0</TargetFramework>
                <ImplicitUsings>enable</ImplicitUsings>
                <Nullable>enable</Nullable>
                <InvariantGlobalization>true</InvariantGlobalization>
                <RestoreAdditionalProjectSources>{folder.File("feed")}</RestoreAdditionalProjectSources>
                <RestoreAdditionalProjectFallbackFolders>{MachineCache()}</RestoreAdditionalProjectFallbackFolders>
              </PropertyGroup>
              <ItemGroup>
                <PackageReference Include="Fleet.Quantization" Version="{version}" />
              </ItemGroup>
            </Project>
            """);
        Write(folder, "Program.cs", Example());
        WriteModel(folder);
        // A cache of its own: the package of an earlier run has the same version.
        var environment = new Dictionary<string, string?> { ["NUGET_PACKAGES"] = folder.File("cache"), ["MSBUILDDISABLENODEREUSE"] = "1" };
        var ran = await ChildProcess.RunAsync(
            "dotnet", ["run", "--project", folder.File("consumer")], Deadline, environment, folder.File("consumer"));
        Assert.True(ran.Code == 0, ran.Output);

        var report = System.Text.Json.JsonSerializer.Deserialize(
            await File.ReadAllTextAsync(folder.File("consumer/variants/report.json"), TestContext.Current.CancellationToken),
            FleetJson.Default.QuantizationReport)!;
        Assert.Equal(["x64", "arm-cpu"], report.Variants.Where(variant => variant.Chosen).Select(variant => variant.Profile));
        Assert.All(report.Variants.Where(variant => variant.Chosen),
            variant => Assert.InRange(variant.Artifact!.Bytes, 1, report.Bytes / 2));
        Assert.True(File.Exists(folder.File("consumer/variants/report.html")));
    }

    private static string Example()
    {
        var readme = File.ReadAllText(Repository.PathOf("server", "Fleet.Quantization", "README.md"));
        return readme.Split("```csharp\n")[1].Split("```")[0];
    }

    private static void WriteModel(ScratchFolder folder)
    {
        new GraphBuilder().Input("x", -1, 64).Weight("w", 64, 64).Node("MatMul", ["x", "w"], "h").Node("Relu", ["h"], "r")
            .Weight("v", 64, 32).Node("MatMul", ["r", "v"], "y").Output("y", -1, 32).Save(folder, "consumer/model.onnx");
        foreach (var (name, seed) in (ReadOnlySpan<(string, int)>)[("train", 1), ("held-out", 2)])
        {
            var random = new Random(seed);
            using var file = File.Create(folder.File($"consumer/{name}.npz"));
            NpzArchive.Write(file, [
                new("x", NpyArray.Of([.. Enumerable.Range(0, 40 * 64).Select(_ => random.NextSingle() - 0.5f)], 40, 64)),
            ]);
        }
    }

    private static string MachineCache() => Environment.GetEnvironmentVariable("NUGET_PACKAGES")
        ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");

    private static void Write(ScratchFolder folder, string name, string text) => File.WriteAllText(folder.File($"consumer/{name}"), text);
}
