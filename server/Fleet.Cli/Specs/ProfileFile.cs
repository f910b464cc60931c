using System.Text.Json;
using Fleet.Cli.Client;
using Fleet.Contracts;
using Fleet.Contracts.Devices;

namespace Fleet.Cli.Specs;

/// <summary>
/// A hardware profile of a person's own as a YAML file (JSON is YAML too): read strictly, judged by <see cref="ProfileRules"/>.
/// </summary>
internal static class ProfileFile
{
    /// <summary>True for what can only be a file, so that a name that is misspelled is not looked for on disk.</summary>
    public static bool IsPath(string text)
        => text.Contains('/', StringComparison.Ordinal) || Path.GetExtension(text) is ".yaml" or ".yml" or ".json";

    /// <summary>Reads a profile.</summary>
    /// <exception cref="FleetException">The file cannot be read, or breaks rules: all of them are listed.</exception>
    public static HardwareProfile Read(string file)
    {
        var problems = new List<SpecProblem>();
        var converter = new YamlToJson(FleetJson.Strict.Options, problems);
        var json = YamlText.Read(SpecText.Read(file, "profile"), problems) is { } root
            ? converter.Convert(root, typeof(HardwareProfile), "")
            : null;
        HardwareProfile? profile = null;
        if (problems.Count == 0 && json is not null)
        {
            try
            {
                profile = json.Deserialize(FleetJson.Strict.HardwareProfile);
            }
            catch (JsonException e)
            {
                problems.Add(new SpecProblem(new Place(1, 1), e.Message));
            }
            if (profile is not null) problems.AddRange(
                ProfileRules.ProblemsOf(profile).Select(problem => new SpecProblem(SpecFile.PlaceOf(problem, converter.Places), problem)));
        }
        return problems.Count == 0 && profile is not null ? profile : throw new FleetException([
            $"{file} is not a valid profile:",
            .. problems.OrderBy(problem => problem.Place.Line).ThenBy(problem => problem.Place.Column).Select(
                problem => $"{file}:{problem.Place.Line}:{problem.Place.Column}: {problem.Message}")]);
    }
}
