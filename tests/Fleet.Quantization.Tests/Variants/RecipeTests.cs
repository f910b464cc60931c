using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Quantization.Tests.Models;

namespace Fleet.Quantization.Tests.Variants;

/// <summary>Variants made again by the recipe of an earlier run.</summary>
public sealed class RecipeTests(RecipeTests.FirstRun first) : IClassFixture<RecipeTests.FirstRun>
{
    private static readonly string[] Schemes = ["int8-static-u8s8", "int8-weights", "int8-dynamic", "fp16"];

    [Fact]
    public void Recipe_makes_the_same_files_again_elsewhere_and_tries_nothing()
    {
        // Something was decided that the defaults would not have been.
        Assert.Contains(first.Report.Recipe!.Variants, variant => variant.KeptFloat.Count > 0);
        var recipe = first.Recipe;
        var steps = new Steps();
        var again = first.Run("again", recipe, steps);
        Assert.Empty(again.NotMadeAgain);
        Assert.Equal(first.Report.Variants.Select(variant => (variant.Id, variant.Artifact?.Sha256, variant.Chosen)),
            again.Variants.Select(variant => (variant.Id, variant.Artifact?.Sha256, variant.Chosen)));
        Assert.All(again.Variants.Where(variant => variant.Scheme != "fp32"),
            variant => Assert.Contains("Made again by its recipe, byte by byte.", variant.Reasons));
        Assert.DoesNotContain(steps.Said, step => step.Contains("ranking", StringComparison.Ordinal)
            || step.Contains("layers in", StringComparison.Ordinal) || step.Contains("calibration", StringComparison.Ordinal));
        Assert.Equal(JsonSerializer.Serialize(recipe, FleetJson.Default.QuantizationRecipe),
            JsonSerializer.Serialize(first.Written("again"), FleetJson.Default.QuantizationRecipe));
    }

    [Fact]
    public void Choice_is_the_recipes_whatever_is_measured()
    {
        var recipe = first.Recipe;
        foreach (var chosen in (string[])["x64-int8-weights", "x64-fp16"])
        {
            var again = first.Run("again", recipe with
            {
                Variants = [.. recipe.Variants.Select(variant => variant with { Chosen = variant.Id == chosen })],
            });
            Assert.Equal(chosen, again.Variants.Single(variant => variant.Chosen).Id);
            Assert.Contains($"Not chosen: the recipe takes {chosen}.", again.Variants.First(variant => !variant.Chosen).Reasons);
        }
    }

    [Fact]
    public void Bytes_that_differ_are_said_with_what_to_look_at()
    {
        var recipe = first.Recipe;
        var one = recipe.Variants.Single(variant => variant.Id == "x64-int8");
        Assert.NotEmpty(one.KeptFloat);
        var again = first.Run("again", recipe with
        {
            Variants = [one with { KeptFloat = [], Chosen = false }],
        });
        Assert.Contains(Assert.Single(again.Variants).Reasons, reason => reason.StartsWith(
            "Made again by its recipe, and its bytes differ: other calibration samples than the recipe was made with or ",
            StringComparison.Ordinal));
        Assert.StartsWith("x64-int8: its bytes differ: ", Assert.Single(again.NotMadeAgain), StringComparison.Ordinal);
        // What is the same as when the recipe was made is no cause.
        Assert.DoesNotContain("ONNX Runtime", again.NotMadeAgain[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Variant_that_the_recipe_takes_and_that_is_not_made_is_said()
    {
        var recipe = first.Recipe;
        var again = first.Run("again", recipe with
        {
            Variants = [
                recipe.Variants.Single(variant => variant.Id == "x64-fp16") with { Chosen = false },
                recipe.Variants.Single(variant => variant.Id == "x64-int8") with { Techniques = ["magic"], Chosen = true },
            ],
        });
        Assert.Matches("^x64-int8 was not made: Technique 'magic' is not known; it is one of [^(]*[.]$", Assert.Single(again.NotMadeAgain));
        Assert.Contains("Not chosen: the recipe takes x64-int8, which could not be made.",
            again.Variants.Single(variant => variant.Id == "x64-fp16").Reasons);
    }

    [Theory]
    [InlineData("model", "was written for another model (m.onnx, SHA-256 00) than m.onnx (SHA-256 ")]
    [InlineData("version", "is of version 99, and this program reads version 1")]
    [InlineData("twice", "names the variant 'x64-int8' twice")]
    [InlineData("empty", "holds no variants")]
    [InlineData("outside", "is not one that quantizing writes")]
    [InlineData("unknown", "names variants that its spec does not make of this model: x64-int9, board-fp16; it makes x64-int8, ")]
    public void Recipe_that_cannot_be_followed_is_refused(string fault, string word)
    {
        var recipe = first.Recipe;
        var broken = fault switch
        {
            "model" => recipe with { Sha256 = "00" },
            "version" => recipe with { Version = 99 },
            "outside" => recipe with
            {
                Spec = recipe.Spec with { Profiles = ["../x"], CustomProfiles = [BuiltInProfiles.ArmCpu with { Name = "../x" }] },
            },
            "unknown" => recipe with
            {
                Variants = [
                    .. recipe.Variants, recipe.Variants[0] with { Id = "x64-int9" }, recipe.Variants[0] with { Id = "board-fp16" },
                ],
            },
            "twice" => recipe with { Variants = [recipe.Variants[0], recipe.Variants[0]] },
            _ => recipe with { Variants = [] },
        };
        Assert.Contains(word, Assert.Throws<InvalidDataException>(() => first.Run("again", broken)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("operator", "keeps 'nowhere' float in x64-int8, which int8-static-u8s8 does not quantize")]
    [InlineData("technique", "Technique 'magic' is not known; it is one of ")]
    [InlineData("calibrator", "Calibrator 'magic' is not known; it is one of ")]
    public void What_a_recipe_names_and_is_not_there_rejects_the_variant_with_the_name(string fault, string word)
    {
        var recipe = first.Recipe;
        var one = recipe.Variants.Single(variant => variant.Id == "x64-int8");
        var broken = fault switch
        {
            "operator" => one with { KeptFloat = ["nowhere"] },
            "technique" => one with { Techniques = ["magic"] },
            _ => one with { Calibrator = "magic" },
        };
        var again = first.Run("again", recipe with { Variants = [broken] });
        Assert.Contains(word, again.Variants[0].Reasons[0], StringComparison.Ordinal);
        Assert.False(again.Variants[0].Accepted);
    }

    /// <summary>A model, and what a search made of it.</summary>
    public sealed class FirstRun : IDisposable
    {
        private readonly ScratchFolder _folder = new();

        public FirstRun()
        {
            UnevenModel.Save(_folder);
            Report = Run("first");
            Recipe = Written("first");
        }

        public QuantizationReport Report { get; }

        public QuantizationRecipe Recipe { get; }

        public void Dispose() => _folder.Dispose();

        public QuantizationRecipe Written(string folder)
            => JsonSerializer.Deserialize(File.ReadAllBytes(_folder.File($"{folder}/recipe.json")), FleetJson.Strict.QuantizationRecipe)!;

        public QuantizationReport Run(string folder, QuantizationRecipe? recipe = null, IProgress<BuildProgress>? progress = null)
        {
            var report = new Quantizer().Run(new QuantizationRequest
            {
                Source = new SourceSpec
                {
                    Onnx = _folder.File("m.onnx"),
                    Calibration = _folder.File("samples.npz"),
                    Validation = _folder.File("samples.npz"),
                },
                Quantization = recipe is null
                    ? new QuantizationSpec { Profiles = ["x64"], Schemes = Schemes, MinimumSignalToNoise = 32 }
                    : new QuantizationSpec(),
                Recipe = recipe,
            }, _folder.File(folder), progress ?? new Progress<BuildProgress>(), TestContext.Current.CancellationToken);
            report.WriteTo(_folder.File(folder));
            return report;
        }
    }

    private sealed class Steps : IProgress<BuildProgress>
    {
        public List<string> Said { get; } = [];

        public void Report(BuildProgress value) => Said.Add(value.Step);
    }
}
