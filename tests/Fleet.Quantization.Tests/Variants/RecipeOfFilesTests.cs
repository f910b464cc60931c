using Fleet.Contracts.Builds;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Tests.Media;
using Fleet.Quantization.Tests.Models;

namespace Fleet.Quantization.Tests.Variants;

/// <summary>Recipes of models and samples that are more than one file.</summary>
public sealed class RecipeOfFilesTests : IDisposable
{
    /// <summary>Most bytes of one file of a model, so that weights lie in another.</summary>
    private const long Largest = 6000;

    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Weights_in_a_file_beside_the_model_are_held_against_the_recipe()
    {
        var model = new GraphBuilder().Input("x", -1, 64).Weight("w1", 64, 64).Weight("w2", 64, 64)
            .Node("MatMul", ["x", "w1"], "m").Node("Relu", ["m"], "r").Node("MatMul", ["r", "w2"], "y").Output("y", -1, 64).Build();
        OnnxFile.Save(model, _folder.File("m.onnx"), Largest);
        var source = new SourceSpec { Onnx = _folder.File("m.onnx"), Validation = SampleSource.Synthetic };
        var recipe = Run(source).Recipe!;
        Assert.Equal("m.onnx.data", Assert.Single(recipe.Data).Name);
        Assert.Empty(Run(source, recipe).NotMadeAgain);
        var one = Assert.Single(recipe.Variants);
        Assert.NotNull(one.DataSha256);
        Assert.StartsWith("x64-int8-weights: its bytes differ", Assert.Single(
            Run(source, recipe with { Variants = [one with { DataSha256 = "00" }] }).NotMadeAgain), StringComparison.Ordinal);

        using (var weights = File.OpenWrite(_folder.File("m.onnx.data"))) weights.Write(new byte[64]);
        var refusal = Assert.Throws<InvalidDataException>(() => Run(source, recipe)).Message;
        Assert.Contains("other weights of m.onnx: m.onnx.data has SHA-256 ", refusal, StringComparison.Ordinal);
        Assert.Contains(recipe.Data[0].Sha256, refusal, StringComparison.Ordinal);
    }

    [Fact]
    public void Sound_of_one_rate_that_calibrates_and_of_another_that_judges_is_read_so_again()
    {
        new GraphBuilder().Input("x", -1, 64).Weight("w1", 64, 64).Node("MatMul", ["x", "w1"], "y").Output("y", -1, 64)
            .Save(_folder, "m.onnx");
        Sound("fast", 16_000);
        Sound("slow", 8_000);
        var source = new SourceSpec
        {
            Onnx = _folder.File("m.onnx"),
            Calibration = _folder.File("fast"),
            Validation = _folder.File("slow"),
        };
        var recipe = Run(source).Recipe!;
        Assert.Equal((null, 64), (recipe.Preprocessing!.SampleRate, recipe.Preprocessing.Window));
        Assert.Empty(Run(source, recipe).NotMadeAgain);

        // A rate that was asked for is asked for again.
        var asked = Run(source with { Validation = source.Calibration, Preprocessing = new Preprocessing { SampleRate = 16_000 } }).Recipe!;
        Assert.Equal(16_000, asked.Preprocessing!.SampleRate);
        Assert.Contains("16000", Assert.Throws<InvalidDataException>(() => Run(source, asked)).Message, StringComparison.Ordinal);
    }

    private QuantizationReport Run(SourceSpec source, QuantizationRecipe? recipe = null)
        => new Quantizer(machine: ThisMachine.Facts) { LargestFile = Largest }.Run(
            new QuantizationRequest
            {
                Source = source,
                Quantization = new QuantizationSpec { Profiles = ["x64"], Schemes = ["int8-weights"], Goal = "size" },
                Recipe = recipe,
            },
            _folder.File("out"), new Progress<BuildProgress>(), TestContext.Current.CancellationToken);

    private void Sound(string folder, int rate)
    {
        Directory.CreateDirectory(_folder.File(folder));
        var random = new Random(rate);
        short[] values = [.. Enumerable.Range(0, 64 * 16).Select(_ => (short)random.Next(-20_000, 20_000))];
        File.WriteAllBytes(_folder.File($"{folder}/a.wav"),
            WavFileTests.File(1, 16, 1, rate, [.. values.SelectMany(BitConverter.GetBytes)]));
    }
}
