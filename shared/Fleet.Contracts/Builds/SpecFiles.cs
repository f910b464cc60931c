namespace Fleet.Contracts.Builds;

/// <summary>The files that a build spec names, which the machine where the worker runs must have.</summary>
public static class SpecFiles
{
    /// <summary>Each file with the key that names it; samples that are made up are not files.</summary>
    public static IReadOnlyList<(string Key, string Path)> Of(BuildSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        (string Key, string? Path)[] named =
        [
            ("data.train", spec.Data?.Train), ("data.trainLabels", spec.Data?.TrainLabels),
            ("data.test", spec.Data?.Test), ("data.testLabels", spec.Data?.TestLabels), ("data.unlabelled", spec.Data?.Unlabelled),
            .. (spec.Teacher?.Ensemble ?? []).Select((path, number) => ($"teacher.ensemble[{number}]", (string?)path)),
            ("teacher.onnx", spec.Teacher?.Onnx), ("teacher.torchScript", spec.Teacher?.TorchScript),
            ("source.onnx", spec.Source?.Onnx), ("source.calibration", spec.Source?.Calibration),
            ("source.validation", spec.Source?.Validation), ("source.validationLabels", spec.Source?.ValidationLabels),
        ];
        return [.. named.Where(file => file.Path is { Length: > 0 } and not SampleSource.Synthetic).Select(file => (file.Key, file.Path!))];
    }

    /// <summary>
    /// True for a path that names all files that match, as <c>runs/*.csv</c>: which ones, the machine says that has them.
    /// </summary>
    public static bool IsPattern(string path) => Path.GetFileName(path).AsSpan().ContainsAny('*', '?');

    /// <summary>The spec with each path made whole, starting at <paramref name="folder"/>.</summary>
    public static BuildSpec Below(string folder, BuildSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        string? Full(string? path) => path is null or SampleSource.Synthetic ? path : Path.GetFullPath(path, folder);
        return spec with
        {
            Data = spec.Data is not { } data ? null : data with
            {
                Train = Full(data.Train),
                TrainLabels = Full(data.TrainLabels),
                Test = Full(data.Test),
                TestLabels = Full(data.TestLabels),
                Unlabelled = Full(data.Unlabelled),
            },
            Teacher = spec.Teacher is not { } teacher
                ? null
                : teacher with
                {
                    Onnx = Full(teacher.Onnx),
                    TorchScript = Full(teacher.TorchScript),
                    Ensemble = teacher.Ensemble is { } others ? [.. others.Select(other => Full(other)!)] : null,
                },
            Source = spec.Source is not { } source ? null : source with
            {
                Onnx = Full(source.Onnx)!,
                Calibration = Full(source.Calibration),
                Validation = Full(source.Validation)!,
                ValidationLabels = Full(source.ValidationLabels),
            },
        };
    }

    /// <summary>A sentence for each file that this machine does not have.</summary>
    /// <param name="spec">A spec whose paths are whole.</param>
    /// <param name="machine">What this machine is to whoever reads the sentence.</param>
    public static IReadOnlyList<string> Missing(BuildSpec spec, string machine)
        => [.. Of(spec).Where(file => !Path.Exists(file.Path) && !IsPattern(file.Path))
            .Select(file => $"{file.Key}: {file.Path} does not exist on {machine}.")];
}
