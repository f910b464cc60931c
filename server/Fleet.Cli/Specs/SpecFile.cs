using System.Text.Json;
using Fleet.Cli.Client;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;

namespace Fleet.Cli.Specs;

/// <summary>A build spec as a YAML file: read strictly, judged by <see cref="BuildSpecRules"/>, every problem with its line.</summary>
internal static class SpecFile
{
    /// <summary>Reads the spec in <paramref name="file"/>; its relative paths are taken from the file's own folder.</summary>
    /// <param name="file">The spec.</param>
    /// <param name="filesAreHere">True when the build runs on this machine: what a relative path names must exist then.</param>
    /// <exception cref="FleetException">The file cannot be read, or breaks rules: all of them are listed.</exception>
    public static BuildSpec Read(string file, bool filesAreHere)
    {
        var text = SpecText.Read(file, "spec");
        return Parse(text, file, Path.GetDirectoryName(Path.GetFullPath(file))!, filesAreHere);
    }

    /// <summary>Reads the spec in <paramref name="text"/>.</summary>
    /// <param name="text">YAML.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="folder">Where its relative paths start.</param>
    /// <param name="filesAreHere">True when what a relative path names must exist on this machine.</param>
    /// <exception cref="FleetException">It breaks rules: all of them are listed.</exception>
    public static BuildSpec Parse(string text, string name, string folder, bool filesAreHere = false)
    {
        var problems = new List<SpecProblem>();
        var converter = new YamlToJson(FleetJson.Strict.Options, problems);
        var json = YamlText.Read(text, problems) is { } root ? converter.Convert(root, typeof(BuildSpec), "") : null;

        BuildSpec? spec = null;
        if (problems.Count == 0 && json is not null)
        {
            try
            {
                spec = json.Deserialize(FleetJson.Strict.BuildSpec);
            }
            catch (JsonException e)
            {
                problems.Add(new SpecProblem(new Place(1, 1), e.Message));
            }
            if (spec is not null)
                spec = spec with { Quantization = WithProfileFiles(spec.Quantization, folder, converter.Places, problems) };
            if (spec is not null)
            {
                var broken = BuildSpecRules.ProblemsOf(spec).Concat(filesAreHere ? MissingFilesOf(spec, folder) : []);
                problems.AddRange(broken.Select(problem => new SpecProblem(PlaceOf(problem, converter.Places), problem)));
            }
        }
        if (problems.Count > 0 || spec is null)
        {
            throw new FleetException([
                $"{name} is not a valid build spec:",
                .. problems.OrderBy(problem => problem.Place.Line).ThenBy(problem => problem.Place.Column)
                    .Select(problem => $"{name}:{problem.Place.Line}:{problem.Place.Column}: {problem.Message}")]);
        }
        return SpecFiles.Below(folder, spec);
    }

    /// <summary>
    /// Rules begin with the key they are about, such as <c>student.width 2 must be …</c>: the longest path that was written gives
    /// the line.
    /// </summary>
    internal static Place PlaceOf(string problem, Dictionary<string, Place> places)
    {
        for (var path = problem.Split(' ', 2)[0].TrimEnd(':'); path.Length > 0; path = path[..Math.Max(0, path.LastIndexOf('.'))])
        {
            if (places.TryGetValue(path, out var place)) return place;
        }
        return new Place(1, 1);
    }

    /// <summary>
    /// Reads profiles that are named by a file of their own into the spec: the server and the worker need not have that file.
    /// </summary>
    private static QuantizationSpec WithProfileFiles(
        QuantizationSpec quantization, string folder, Dictionary<string, Place> places, List<SpecProblem> problems)
    {
        var (names, custom) = (new List<string>(), new List<HardwareProfile>());
        foreach (var (index, name) in quantization.Profiles.Index())
        {
            if (!ProfileFile.IsPath(name))
            {
                names.Add(name);
                continue;
            }
            try
            {
                custom.Add(ProfileFile.Read(Path.GetFullPath(name, folder)));
                names.Add(custom[^1].Name);
            }
            catch (FleetException e)
            {
                var place = places.GetValueOrDefault($"quantization.profiles[{index}]", new Place(1, 1));
                problems.AddRange(e.Lines.Select(line => new SpecProblem(place, line)));
            }
        }
        return custom.Count == 0
            ? quantization with { Profiles = names }
            : quantization with { Profiles = names, CustomProfiles = [.. quantization.CustomProfiles ?? [], .. custom] };
    }

    /// <summary>
    /// Relative paths that name nothing. They start at the spec's own folder, so they can only mean a file of this machine; a whole
    /// path may be one of the worker's.
    /// </summary>
    private static IEnumerable<string> MissingFilesOf(BuildSpec spec, string folder)
    {
        return
            from file in SpecFiles.Of(spec)
            where !Path.IsPathRooted(file.Path)
            let whole = Path.GetFullPath(file.Path, folder)
            where !Path.Exists(whole) && !SpecFiles.IsPattern(whole)
            select $"{file.Key} names {whole}, which does not exist.";
    }
}
