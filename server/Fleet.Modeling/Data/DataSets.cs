using System.Globalization;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;
using Fleet.Modeling.Data.Vibration;

namespace Fleet.Modeling.Data;

/// <summary>Turns a data spec into samples by use: reads or generates, checks, shapes, cuts.</summary>
internal static class DataSets
{
    /// <param name="spec">What to read.</param>
    /// <param name="sampleRank">Axes one sample must have: 1 for texts, 2 for signals (channels, length), 3 for images (channels, height,
    /// width); null for any.</param>
    /// <param name="seed">Seed of generated samples and of every cut.</param>
    /// <param name="room">Where the values are kept; null for memory. They are there until it is given back.</param>
    public static DataSet Load(DataSpec spec, int? sampleRank, int seed, SampleRoom? room = null)
    {
        room ??= SampleRoom.Memory;
        spec = DataKind.Resolve(spec);
        var random = new Random(seed);
        IReadOnlyList<string> channels = [];
        RawSamples train;
        if (spec.Kind == "series") (train, channels) = SeriesFiles.ReadTraining(spec.Train!, spec.Series!, spec.LabelColumn, room);
        else train = Read(spec, spec.Learned, spec.TrainLabels, spec.Text?.TrainSplits, null, random, room, !spec.IsUnlabelled);
        RawSamples? Held(string? path, IReadOnlyList<string>? splits) => path is null && splits is null ? null
            : spec.Kind == "series" ? SeriesFiles.ReadHeldOut(path!, spec.TestLabels, spec.Series!, spec.LabelColumn, channels, room)
            : Read(spec, path ?? spec.Learned, spec.TestLabels, splits, train, random, room);
        var isLast = HasChannelsLast(spec, train, sampleRank);
        RawSamples Laid(RawSamples raw) => isLast && raw.SampleShape.Count == train.SampleShape.Count
            ? SampleLayouts.Turned(raw with { SampleShape = Shape(raw, spec.SampleShape, null) }) : raw;
        var test = Held(spec.Test, spec.Text?.TestSplits);
        var held = Held(null, spec.Text?.ValidationSplits);

        // Where nothing to learn from has labels, those to judge by say what they are.
        var labelled = spec.IsUnlabelled ? test : train;
        var task = labelled is null ? spec.Task ?? ModelTask.Classification : LabelReading.TaskOf(spec, labelled);
        var sets = task == ModelTask.MultiLabel && labelled is not null ? LabelSetReading.Of(spec, labelled) : null;
        var anomalies = task == ModelTask.Anomaly ? AnomalyReading.Of(spec, [.. new[] { train, test }.OfType<RawSamples>()]) : null;
        var reading = task == ModelTask.Classification && labelled is not null ? ClassReading.Of(spec, labelled) : null;
        var classes = task switch
        {
            ModelTask.Classification => reading?.Names ?? spec.Classes ?? [],
            ModelTask.MultiLabel => sets?.Names ?? spec.Classes ?? [],
            ModelTask.Detection => BoxReading.KindsOf(spec, train),
            ModelTask.Anomaly => AnomalyReading.Classes,
            _ => [],
        };
        var frontEnd = Hearing.FrontEndOf(spec, isLast ? train with { SampleShape = SampleLayouts.Turned(train.SampleShape) } : train,
            sampleRank);
        SampleLabels Labels(RawSamples raw) => task switch
        {
            ModelTask.MultiLabel => sets!.Sets(raw),
            ModelTask.Anomaly => anomalies!.Labels(raw),
            _ => reading!.Classes(raw),
        };
        SampleSet Checked(RawSamples raw) => Check(Laid(raw), classes, Labels, isLast ? spec with { SampleShape = null } : spec, task,
            frontEnd is null ? sampleRank : 2).Heard(frontEnd);
        var training = Checked(train);
        var byTime = spec.Split == "time";
        (SampleSet Kept, SampleSet Part) Cut(double share)
            => byTime ? Splits.CutLast(training, share) : Splits.Cut(training, share, random);
        if (spec.Kind != "vibration" && spec.Samples > 0)
            training = byTime ? training.Take(spec.Samples) : Splits.Subset(training, spec.Samples, random);

        SampleSet judged;
        if (test is null)
        {
            (training, judged) = task == ModelTask.Anomaly ? Splits.CutNormal(training, spec.TestShare, byTime, random)
                : Cut(spec.TestShare);
        }
        else
        {
            judged = OfSameShape("Test", test);
        }
        if (task == ModelTask.Anomaly) training = Splits.Normal(training);
        SampleSet OfSameShape(string part, RawSamples raw)
        {
            var samples = Checked(raw);
            return samples.SampleShape.SequenceEqual(training.SampleShape) ? samples
                : throw new BuildException(
                    $"{part} samples of {raw.Source} have shape ({Text(samples.SampleShape)}) and training samples of {train.Source} "
                        + $"({Text(training.SampleShape)}); they must agree.");
        }
        var unlabelled = spec.Unlabelled is null || spec.IsUnlabelled ? null
            : OfSameShape("Unlabelled", Read(spec, spec.Unlabelled, null, null, train, random, room, labelled: false));
        // Cut even where the validation samples are given, or folds take their place: it also mixes the classes of the training samples.
        (training, var validation) = Cut(held is null && spec.Folds is null ? spec.ValidationShare : 0);
        if (byTime) training = Splits.Cut(training, 0, random).Kept;
        if (held is not null) validation = Checked(held);
        if (training.Count < Math.Max(1, classes.Count) || judged.Count == 0)
            throw new BuildException(
                $"{train.Source} leaves {training.Count} training and {judged.Count} test "
                    + $"samples{(classes.Count > 0 ? $" for {classes.Count} classes" : "")}; give more samples or other shares "
                    + $"({Shares(spec, ", ")}).");
        if (task == ModelTask.Anomaly) RequireNormal(validation, judged, spec, train.Source);
        if (task is ModelTask.Classification or ModelTask.MultiLabel && !spec.IsUnlabelled)
            RequireEveryClass(training, [validation, judged], classes, spec, train.Source);
        TablePlan? plan = null;
        if (train.Table is { } columns)
        {
            plan = TablePlanning.Learn(columns, training);
            SampleSet Encoded(SampleSet part) => TablePlanning.Encode(plan, columns, part,
                width => Shape(train with { SampleShape = [width] }, spec.SampleShape, sampleRank));
            (training, validation, judged) = (Encoded(training), Encoded(validation), Encoded(judged));
            if (unlabelled is not null) unlabelled = Encoded(unlabelled);
        }
        var inputForm = InputForms.Of(plan, train, out var unreadable);
        return new DataSet(training, validation, judged, classes)
        {
            Unlabelled = unlabelled,
            Task = task,
            Kinds = anomalies?.Kinds ?? [],
            Form = spec.Detection,
            ChannelNames = plan is null ? train.ChannelNames : [.. plan.Columns.SelectMany(column => column.ValueNames())],
            Table = plan,
            InputForm = inputForm,
            Preprocessing = train.Preprocessing,
            IsSizeFound = train.IsSizeFound,
            FrontEnd = frontEnd,
            Notes = [
                .. train.Notes,
                .. unreadable is null ? Array.Empty<string>() : [unreadable],
                .. isLast
                    ? [$"Samples of ({Text(train.SampleShape)}) have their channels last, and become "
                        + $"({Text(training.Given().SampleShape)}) with them in front; data.layout says otherwise."]
                    : Array.Empty<string>(),
                .. unlabelled is not null && SameSamples.Count(judged, unlabelled) is > 0 and var known
                    ? [$"{known:N0} of {judged.Count:N0} test samples are among those without labels too: what is learned from them "
                        + "flatters every figure. Leave them out of data.unlabelled."]
                    : Array.Empty<string>(),
                .. anomalies is null ? [] : anomalies.Notes(spec, train, training.Count, (AnomalyLabels)judged.Labels),
                .. frontEnd is null ? Array.Empty<string>() : [
                    $"Networks hear ({Text(frontEnd.OutputShape)}) of a sample of ({Text(frontEnd.InputShape)}): {frontEnd.Description}. "
                        + "An exported model computes that itself; data.features says otherwise.",
                ],
            ],
        };
    }

    private static void RequireNormal(SampleSet validation, SampleSet judged, DataSpec spec, string source)
    {
        if (validation.Count == 0)
            throw new BuildException(FormattableString.Invariant($"{source} leaves no normal samples to find the threshold on; ")
                + FormattableString.Invariant($"give more, or a larger data.validationShare than {spec.ValidationShare}."));
        if (((AnomalyLabels)judged.Labels).Anomalies == judged.Count)
            throw new BuildException(
                $"{spec.Test ?? source} has no normal test samples: what is found means nothing where nothing else is there. Give some.");
    }

    // A class that nothing is learned of is an answer that a model gives by chance.
    private static void RequireEveryClass(
        SampleSet training, SampleSet[] others, IReadOnlyList<string> classes, DataSpec spec, string source)
    {
        var absent = Array.IndexOf(Held(training, classes.Count), 0);
        if (absent < 0) return;
        var elsewhere = others.Sum(part => Held(part, classes.Count)[absent]);
        throw new BuildException(
            $"{source} leaves no training sample of {(training.Labels is LabelSets ? "label" : "class")} '{classes[absent]}'; "
                + (elsewhere > 0
                    ? $"{elsewhere} of it are held out{(training.Origins is null ? "" : ", for samples of one origin stay together")}. "
                        + $"Give more samples of it, or lower {Shares(spec, " or ")}."
                    : "give samples of it, or remove it from data.classes."));
    }

    /// <summary>The shares that are held out, each with its key; folds take the place of validation samples.</summary>
    private static string Shares(DataSpec spec, string between) => string.Join(between, [
        .. spec.Folds is null ? [string.Create(CultureInfo.InvariantCulture, $"data.validationShare {spec.ValidationShare}")]
            : Array.Empty<string>(),
        string.Create(CultureInfo.InvariantCulture, $"data.testShare {spec.TestShare}"),
    ]);

    private static int[] Held(SampleSet samples, int classes)
    {
        if (samples.Labels is LabelSets sets) return sets.Counts();
        var counts = new int[classes];
        foreach (var number in samples.ClassNumbers) counts[number]++;
        return counts;
    }

    private static RawSamples Read(
        DataSpec spec, string? path, string? labelsPath, IReadOnlyList<string>? splits, RawSamples? learned, Random random, SampleRoom room,
        bool labelled = true)
    {
        if (Directory.Exists(path) && spec.Kind != "folder")
            throw new BuildException($"{path} is a folder, and data.kind '{spec.Kind}' reads files: name one, or several as "
                + $"{Path.Combine(path, "*")}; without data.kind a folder of pictures or sound is read.");
        try
        {
            // A table puts its files together before it looks at what its columns hold, and texts before their words are learned.
            if (path is null || spec.Kind is "csv" or "text" || DataFiles.Each(path) is not { Count: > 1 } paths)
                return ReadAs(spec, path, labelsPath, splits, learned, random, room, labelled);
            var parts = new List<RawSamples>();
            foreach (var each in paths)
            {
                // What the files of the first manifest became, those of the others become.
                var like = learned ?? (spec.Kind == "folder" ? parts.FirstOrDefault() : null);
                parts.Add(ReadAs(spec, each, labelsPath, splits, like, random, room, labelled));
            }
            return Joined(path, [.. parts], spec.Kind == "npz");
        }
        catch (BuildException e) when (File.Exists(path) && DataKind.Of(path) is { } kind && kind != spec.Kind && spec.Kind != "series"
            && (kind, spec.Kind) is not ("csv", "text"))
        {
            throw new BuildException($"{e.Message} {path} looks like data.kind '{kind}', and '{spec.Kind}' is said.", e);
        }
    }

    private static RawSamples Joined(string path, RawSamples[] parts, bool isNumbered)
    {
        if (Array.Find(parts, part => !part.SampleShape.SequenceEqual(parts[0].SampleShape)) is { } other)
            throw new BuildException($"{other.Source} has samples of ({Text(other.SampleShape)}) and {parts[0].Source} of "
                + $"({Text(parts[0].SampleShape)}); they must agree.");
        if (Array.Find(parts, part => part.Labels.AreNone != parts[0].Labels.AreNone) is { } unlike)
            throw new BuildException($"{(unlike.Labels.AreNone ? unlike : parts[0]).Source} has no labels, and "
                + $"{(unlike.Labels.AreNone ? parts[0] : unlike).Source} has; give it as data.unlabelled, or label its samples.");
        LabelReading.RequireSameColumns(parts);
        // Groups that a file numbers are the same in all; others are a file's own.
        int[]? origins = parts.All(part => part.Origins is not null)
            ? isNumbered ? [.. parts.SelectMany(part => part.Origins!)]
                : RawSamples.Numbered([.. parts.Index().SelectMany(part => part.Item.Origins!.Select(origin => (part.Index, origin)))])
            : null;
        return parts[0] with
        {
            Source = path,
            Places = sample =>
            {
                var part = 0;
                while (sample >= parts[part].Labels.Count) sample -= parts[part++].Labels.Count;
                return $"{Path.GetFileName(parts[part].Source)}, {parts[part].Where(sample)}";
            },
            Origins = origins,
            Values = SampleValues.Joined(
                [.. parts.Select(part => part.Values)], parts[0].SampleShape.Aggregate(1, (product, extent) => product * extent)),
            Labels = RawLabels.Joined([.. parts.Select(part => part.Labels)]),
            Notes = [.. parts.SelectMany(part => part.Notes).Distinct()],
        };
    }

    private static RawSamples ReadAs(
        DataSpec spec, string? path, string? labelsPath, IReadOnlyList<string>? splits, RawSamples? learned, Random random,
        SampleRoom room, bool labelled)
    {
        var read = spec.Kind switch
        {
            "vibration" => VibrationData.Generate(spec.Samples, random),
            "npz" => NumpyFiles.ReadNpz(path!, labelled),
            "npy" => NumpyFiles.ReadNpy(path!, labelsPath ?? (labelled ? throw MissingLabels(path!) : null), room),
            "idx" => IdxFiles.Read(path!, labelsPath ?? (labelled ? throw MissingLabels(path!) : null), room),
            "csv" => CsvFiles.Read(path!, spec.AllLabelColumns(), spec.Table, learned?.Table, spec.GroupColumn, labelled,
                spec.Task == ModelTask.MultiLabel),
            "ucr" or "arff" or "ts" => SequenceFiles.Read(path!, spec.Kind, spec.Task, learned, labelled),
            "text" => TextFiles.Read(path!, splits, spec, learned?.Vocabulary, labelled),
            "folder" => FolderFiles.Read(path!, spec, learned, room, labelled),
            _ => throw new BuildException(
                $"data.kind '{spec.Kind}' is not known; it is one of {string.Join(", ", BuildSpecRules.DataKinds)}."),
        };
        return read with { Values = read.Values.In(room) };
    }

    private static BuildException MissingLabels(string path)
        => new($"{path} has no file of labels; name it in data.trainLabels or data.testLabels.");

    private static SampleSet Check(
        RawSamples raw, IReadOnlyList<string> classes, Func<RawSamples, SampleLabels> read, DataSpec spec, ModelTask task, int? sampleRank)
    {
        var count = raw.Labels.Count;
        if (count == 0) throw new BuildException($"{raw.Source} holds no samples.");
        var length = (int)(raw.Values.Length / count);
        for (var sample = 0; sample < count && raw.Table is null; sample++)
        {
            foreach (var value in raw.Values.Part((long)sample * length, length))
            {
                if (!float.IsFinite(value))
                    throw new BuildException(
                        $"{raw.Source} holds {value} at {raw.Where(sample)}; remove or repair samples that are not finite.");
            }
        }
        int[] shape = raw.Table is null ? Shape(raw, spec.SampleShape, sampleRank) : [.. raw.SampleShape];
        SampleLabels labels = task switch
        {
            _ when raw.Labels.AreNone && task != ModelTask.Anomaly => new NoLabels(count),
            ModelTask.Regression => LabelReading.Values(raw, spec.LabelUnit),
            ModelTask.Detection => BoxReading.Boxes(raw, classes, shape, spec.Detection),
            _ => read(raw),
        };
        return new SampleSet(raw.Values, shape, labels)
        {
            Vocabulary = raw.Vocabulary,
            Origins = raw.Origins,
        };
    }

    // Told by the training samples, for all of them. Where a shape is given it is the student's, unless the layout is given as well.
    private static bool HasChannelsLast(DataSpec spec, RawSamples train, int? sampleRank) => spec.Layout is { } layout
        ? layout == SampleLayout.ChannelsLast
        : spec.Kind is "npz" or "npy" or "idx" && spec.SampleShape is null
            && (sampleRank is null || sampleRank == train.SampleShape.Count)
            && SampleLayouts.Of(train) == SampleLayout.ChannelsLast;

    private static int[] Shape(RawSamples raw, IReadOnlyList<int>? wanted, int? sampleRank)
    {
        var shape = wanted ?? raw.SampleShape;
        if (shape.Aggregate(1L, (product, extent) => product * extent) != raw.SampleShape.Aggregate(
            1L, (product, extent) => product * extent))
            throw new BuildException(
                $"data.sampleShape ({Text(shape)}) does not hold the values of one sample of {raw.Source}, whose shape is "
                    + $"({Text(raw.SampleShape)}).");
        // A grey image or a single signal comes without its channel axis.
        if (wanted is null && shape.Count == sampleRank - 1) shape = [1, .. shape];
        return sampleRank is null || shape.Count == sampleRank
            ? [.. shape]
            : throw new BuildException(
                $"Samples of {raw.Source} have shape ({Text(shape)}); this family takes "
                    + $"{sampleRank switch { 1 => "one row", 2 => "channels and length", _ => "channels, height and width" }}. Set "
                    + "data.sampleShape or choose another family.");
    }

    private static string Text(IReadOnlyList<int> shape) => string.Join(", ", shape);
}
