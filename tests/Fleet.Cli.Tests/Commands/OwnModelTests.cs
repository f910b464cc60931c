using System.Text.Json;
using Fleet.Agent.Tests.Inference;
using Fleet.Contracts;
using Fleet.TestKit;

namespace Fleet.Cli.Tests.Commands;

/// <summary>A person's own model made small and proved, without a server: the worker's program does it, this one shows it.</summary>
public sealed class OwnModelTests : IDisposable
{
    private const string NotHere = "x86 processors cannot be emulated here; deploy/emulation.sh provides what is missing.";

    private readonly TemporaryFolder _folder = new();
    private readonly ShellUnderTest _fleet = new();

    public static bool Emulates
        => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
            .Any(folder => File.Exists(Path.Combine(folder, "qemu-x86_64-static")));

    public void Dispose()
    {
        _fleet.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Variants_are_shown_with_their_verdict_and_left_with_a_report()
    {
        Assert.Equal(0, await _fleet.RunAsync(
            "models", "quantize", Model(), "--profile", "x64,arm-cpu", "--scheme", "int8-dynamic", "--out", _folder["variants"]));
        Assert.Contains("There were no calibration samples", _fleet.Output, StringComparison.Ordinal);
        Assert.Matches(@"judged in \d+ s \(\d+ s expected\) on ", _fleet.Output);
        Assert.Contains("Made-up samples were used", _fleet.Output, StringComparison.Ordinal);
        Assert.Matches(@"(?m)^arm-cpu-int8-dynamic +int8-dynamic +\S+ \S+ +\S+ % +\S+ +\S+ to \S+ +\S+ +\S+ % +(-|est\. \d+\.\dx) +- +"
            + @"(\* chosen|accepted|beaten|rejected)$", _fleet.Output);
        Assert.Contains(_folder["variants"], _fleet.Output[_fleet.Output.IndexOf("Report", StringComparison.Ordinal)..],
            StringComparison.Ordinal);
        Assert.True(File.Exists(_folder["variants", "report.json"]));
        Assert.Contains("Making x64-int8-dynamic", _fleet.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Json_is_one_document_and_a_profile_of_ones_own_is_in_it()
    {
        await File.WriteAllTextAsync(_folder["board.yaml"],
            "name: board\nmatch: { architectures: [arm64] }\nnumeric: { activations: int8 }\nbudget: { maximumBytes: 10 }\n");
        Assert.Equal(0, await _fleet.RunAsync("models", "quantize", Model(), "--profile", _folder["board.yaml"], "--scheme", "int8-dynamic",
            "--out", _folder["variants"], "--json"));
        var report = JsonSerializer.Deserialize(_fleet.Output, FleetJson.Strict.QuantizationReport)!;
        Assert.Equal("board", Assert.Single(report.Spec.CustomProfiles!).Name);
        Assert.True(report.Expected > TimeSpan.Zero);
        Assert.Contains(report.Variants.Single(variant => variant.Id == "board-int8-dynamic").Reasons,
            reason => reason.Contains("10", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Recipe_makes_the_variants_again_and_takes_no_other_decision_beside_it()
    {
        Assert.Equal(0, await _fleet.RunAsync(
            "models", "quantize", Model(), "--profile", "arm-cpu", "--scheme", "int8-dynamic", "--out", _folder["first"]));
        // As it is printed, and nothing else; no path here needs quotes.
        var again = _fleet.Output.Split('\n').Single(line => line.StartsWith("Again ", StringComparison.Ordinal));
        Assert.Equal(0, await _fleet.RunAsync([.. again.TrimEnd().Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(2)]));
        Assert.Equal(await File.ReadAllBytesAsync(_folder["first", "arm-cpu-int8-dynamic.onnx"]),
            await File.ReadAllBytesAsync(_folder["first-again", "arm-cpu-int8-dynamic.onnx"]));
        Assert.Equal(0, await _fleet.RunAsync(
            "models", "quantize", Model(), "--recipe", _folder["first", "recipe.json"], "--out", _folder["again"]));
        Assert.Contains("arm-cpu-int8-dynamic: Made again by its recipe, byte by byte.", _fleet.Output, StringComparison.Ordinal);
        Assert.Equal(await File.ReadAllBytesAsync(_folder["first", "arm-cpu-int8-dynamic.onnx"]),
            await File.ReadAllBytesAsync(_folder["again", "arm-cpu-int8-dynamic.onnx"]));

        Assert.Equal(2, await _fleet.RunAsync(
            "models", "quantize", Model(), "--recipe", _folder["first", "recipe.json"], "--goal", "size", "--out", _folder["again"]));
        Assert.Contains("--goal is decided by --recipe; leave one of the two out.", _fleet.Error, StringComparison.Ordinal);
        foreach (var (file, word) in (IEnumerable<(string, string)>)[
            ("nowhere", "does not exist"), ("first/report", "is not a recipe (bytes in line"),
        ])
        {
            Assert.Equal(1, await _fleet.RunAsync(
                "models", "quantize", Model(), "--recipe", _folder[$"{file}.json"], "--out", _folder["again"]));
            Assert.Contains(word, _fleet.Error, StringComparison.Ordinal);
            Assert.DoesNotContain(".NET", _fleet.Error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Recipe_that_does_not_make_the_same_files_ends_with_1_and_names_them()
    {
        Assert.Equal(0, await _fleet.RunAsync(
            "models", "quantize", Model(), "--profile", "arm-cpu", "--scheme", "int8-dynamic", "--out", _folder["first"]));
        var path = _folder["first", "recipe.json"];
        var recipe = JsonSerializer.Deserialize(await File.ReadAllBytesAsync(path), FleetJson.Strict.QuantizationRecipe)!;
        var one = recipe.Variants.Single(variant => variant.Id == "arm-cpu-int8-dynamic");
        foreach (var (changed, said) in new[]
        {
            (one with { Sha256 = "00" }, "arm-cpu-int8-dynamic: its bytes differ"),
            (one with { Techniques = ["magic"] }, "arm-cpu-int8-dynamic was not made: Technique 'magic' is not known"),
            (one with { Id = "arm-cpu-magic" }, "names variants that its spec does not make of this model: arm-cpu-magic"),
        })
        {
            await File.WriteAllTextAsync(path,
                JsonSerializer.Serialize(recipe with { Variants = [changed] }, FleetJson.Indented.QuantizationRecipe));
            var asked = await File.ReadAllTextAsync(path);
            Assert.Equal(1, await _fleet.RunAsync("models", "quantize", Model(), "--recipe", path, "--out", _folder["first"]));
            Assert.Contains(said, _fleet.Error, StringComparison.Ordinal);
            // What the recipe says, and the files that it speaks of, are as they were.
            Assert.Equal(asked, await File.ReadAllTextAsync(path));
            Assert.Equal(one.Sha256, Convert.ToHexStringLower(
                System.Security.Cryptography.SHA256.HashData(await File.ReadAllBytesAsync(_folder["first", one.Id + ".onnx"]))));
        }
    }

    [Fact]
    public async Task What_is_read_is_never_written_over()
    {
        Directory.CreateDirectory(_folder["out"]);
        foreach (var name in (string[])["x64-int8-dynamic.onnx", "report.json"])
        {
            File.Copy(Model(), _folder["out", name], overwrite: true);
            var before = await File.ReadAllBytesAsync(_folder["out", name]);
            Assert.Equal(1, await _fleet.RunAsync("models", "quantize", _folder["out", name], "--profile", "x64", "--scheme",
                "int8-dynamic", "--out", _folder["out"]));
            Assert.Contains($"{name} has a name that results have, and would be lost", _fleet.Error, StringComparison.Ordinal);
            Assert.Equal(before, await File.ReadAllBytesAsync(_folder["out", name]));
        }
        Assert.Equal(1, await _fleet.RunAsync("models", "inspect", _folder["out", "x64-int8-dynamic.onnx"], "--reference", Model(),
            "--validation", "synthetic", "--output", _folder["out", "x64-int8-dynamic.onnx"]));
        Assert.Contains("exists and is no page of 'inspect', and would be lost", _fleet.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Layer_that_is_not_of_the_model_is_refused_with_the_nearest_and_a_limit_with_its_bounds()
    {
        Assert.Equal(1, await _fleet.RunAsync("models", "quantize", Model(), "--keep", "MatMull", "--out", _folder["variants"]));
        Assert.Contains("'MatMull' of --keep", _fleet.Error, StringComparison.Ordinal);
        Assert.Contains("did you mean 'MatMul'?", _fleet.Error, StringComparison.Ordinal);
        Assert.Equal(2, await _fleet.RunAsync("models", "quantize", Model(), "--maximum-drop", "1.5", "--out", _folder["variants"]));
        Assert.Contains("--maximum-drop 1.5 must be within 0..1.", _fleet.Error, StringComparison.Ordinal);
        Assert.Equal(2, await _fleet.RunAsync("models", "quantize", Model(), "--minimum-snr", "-1", "--out", _folder["variants"]));
        Assert.Contains("--minimum-snr -1 must be within 0..150.", _fleet.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Model_that_cannot_be_used_ends_with_1_and_its_sentence_and_leaves_nothing()
    {
        await File.WriteAllTextAsync(_folder["noise.onnx"], "no model");
        Assert.Equal(1, await _fleet.RunAsync("models", "quantize", _folder["noise.onnx"], "--out", _folder["variants"], "--json"));
        Assert.Contains("noise.onnx", _fleet.Error, StringComparison.Ordinal);
        using (var said = JsonDocument.Parse(_fleet.Output))
            Assert.Contains("noise.onnx", said.RootElement.GetProperty("error").GetString(), StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder["variants"]));
        Assert.Equal(1, await _fleet.RunAsync("models", "prove", _folder["nowhere.onnx"], "--validation", "synthetic"));
        Assert.Contains("nowhere.onnx does not exist", _fleet.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Variant_is_inspected_layer_by_layer_in_a_table_as_json_and_on_a_page()
    {
        Assert.Equal(0, await _fleet.RunAsync("models", "quantize", Model(), "--profile", "arm-cpu", "--scheme", "int8-dynamic",
            "--out", _folder["variants"], "--json"));
        string[] inspect = ["models", "inspect", _folder["variants", "arm-cpu-int8-dynamic.onnx"], "--reference", _folder["model.onnx"],
            "--validation", "synthetic"];
        Assert.Equal(0, await _fleet.RunAsync([.. inspect, "--output", _folder["layers.html"]]));
        Assert.Equal(2, System.Text.RegularExpressions.Regex.Count(
            _fleet.Output, @"(?m)^\S+ +MatMulInteger +\d+\.\d +\d+\.\d +- +0/\d+ +u?int8 +dynamic "));
        Assert.Contains("<svg", await File.ReadAllTextAsync(_folder["layers.html"]), StringComparison.Ordinal);
        var before = _fleet.Output.Length;
        Assert.Equal(0, await _fleet.RunAsync([.. inspect, "--samples", "4", "--json"]));
        Assert.Equal(4, JsonSerializer.Deserialize(_fleet.Output[before..], FleetJson.Strict.InspectionReport)!.Samples.Count);
        Assert.Equal(1, await _fleet.RunAsync("models", "inspect", _folder["nowhere.onnx"], "--reference", _folder["model.onnx"],
            "--validation", "synthetic"));
        Assert.Contains("nowhere.onnx does not exist", _fleet.Error, StringComparison.Ordinal);
    }

    [Fact(Skip = NotHere, SkipUnless = nameof(Emulates))]
    public async Task Variant_is_proved_on_another_processor()
    {
        Assert.Equal(0, await _fleet.RunAsync(
            "models", "prove", Model(), "--validation", "synthetic", "--processor", "haswell", "--samples", "4"));
        Assert.Matches(@"(?m)^haswell +(equal|\d+\.\d) +\S+ +holds ", _fleet.Output);
        Assert.DoesNotContain("ACCURACY", _fleet.Output, StringComparison.Ordinal);
    }

    private string Model()
    {
        var random = new Random(3);
        float[] Weights(int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() - 0.5f)];
        return new OnnxFile().Input("x", OnnxType.Float, -1, 64).Output("y", OnnxType.Float, -1, 8)
            .Constant<float>("a", OnnxType.Float, Weights(64 * 64), 64, 64).Constant<float>("b", OnnxType.Float, Weights(64 * 8), 64, 8)
            .Node("MatMul", ["x", "a"], ["h"]).Node("Relu", ["h"], ["r"]).Node("MatMul", ["r", "b"], ["y"])
            .Save(_folder["model.onnx"]);
    }
}
