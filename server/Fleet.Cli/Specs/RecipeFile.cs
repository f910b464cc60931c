using System.Text.Json;
using Fleet.Cli.Client;
using Fleet.Contracts;
using Fleet.Contracts.Builds;

namespace Fleet.Cli.Specs;

/// <summary>The <c>recipe.json</c> that quantizing leaves beside its report: read strictly, because what it says is done.</summary>
internal static class RecipeFile
{
    /// <summary>Most bytes of a recipe; one of ten profiles and a thousand layers has some hundred thousand.</summary>
    private const long MaximumBytes = 16 << 20;

    /// <summary>Reads a recipe.</summary>
    /// <exception cref="FleetException">The file is not there, is too large or is no recipe.</exception>
    public static QuantizationRecipe Read(string file)
    {
        if (!File.Exists(file)) throw new FleetException($"{file} does not exist; name the recipe.json of an earlier run.");
        if (new FileInfo(file).Length > MaximumBytes)
            throw new FleetException(
                $"{file} is larger than {MaximumBytes} bytes, which no recipe is; name the recipe.json of an earlier run.");
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(file), FleetJson.Strict.QuantizationRecipe)
                ?? throw new JsonException("it holds nothing");
        }
        catch (JsonException e)
        {
            var what = e is { Path: { Length: > 1 } path, LineNumber: { } line }
                ? $"{path[2..]} in line {line + 1} is nothing that a recipe says" : "it is not the JSON of one";
            throw new FleetException($"{file} is not a recipe ({what}); name the recipe.json of an earlier run.");
        }
    }
}
