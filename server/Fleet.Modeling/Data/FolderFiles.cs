using Fleet.Contracts.Builds;
using Fleet.Contracts.Media;
using Fleet.Contracts.Tasks;
using Fleet.Quantization.Media;

namespace Fleet.Modeling.Data;

/// <summary>Samples from pictures or sound in files, prepared as a model's are that is quantized on them.</summary>
internal static class FolderFiles
{
    /// <summary>Share of the training files that a sample is long enough for, where nothing says how long one is.</summary>
    private const double WholeShare = 0.95;

    /// <summary>
    /// Pixels of the shorter side where the files differ in size and nothing says what they become, as in Visual Wake Words (Chowdhery et
    /// al., arXiv 1906.05721), and of what all files may have to be taken as they are: photographs of a camera are too much for a student.
    /// </summary>
    private const int FoundSide = 96, LargestSide = 256;

    /// <param name="path">A folder, or a manifest.</param>
    /// <param name="spec">What was asked.</param>
    /// <param name="learned">How the training files became samples; null for those themselves.</param>
    /// <param name="room">Where the samples are kept.</param>
    /// <param name="labelled">False: nothing says what the files are of.</param>
    public static RawSamples Read(
        string path, DataSpec spec, RawSamples? learned, SampleRoom room, bool labelled = true)
    {
        var files = LabelledFiles.Of(path, spec.LabelColumn, labelled);
        var asked = spec.Preprocessing ?? new Preprocessing();
        var isPictures = MediaFiles.IsPicture(files[0].Path);
        if ((isPictures ? asked.OfSound() : asked.OfPictures()) is { Count: > 0 } foreign)
            throw new BuildException(
                $"{path} holds {(isPictures ? "pictures" : "sound")}, which {string.Join(", ", foreign)} of data.preprocessing "
                    + $"{(foreign.Count == 1 ? "is" : "are")} not for: leave that out.");
        try
        {
            return isPictures
                ? Pictures(path, files, asked, learned, spec.Task, room) : Sounds(path, files, asked, learned, spec.Task, room);
        }
        catch (InvalidDataException e)
        {
            throw new BuildException($"{path}: {e.Message}", e);
        }
    }

    private static RawSamples Pictures(
        string path, IReadOnlyList<LabelledFile> files, Preprocessing asked, RawSamples? learned, ModelTask? task, SampleRoom room)
    {
        var heads = Each(files, PictureFile.Look);
        var notes = new List<string>();
        var isFound = false;
        if (asked.Width is null)
            (asked, isFound) = Sized(asked, learned, files, [.. heads.Select(head => (head.Width, head.Height))], notes);
        var (width, height) = (asked.Width!.Value, asked.Height!.Value);
        var colour = asked.Colour ?? learned?.Preprocessing?.Colour
            ?? (Array.TrueForAll(heads, head => head.IsGrey) ? PictureColour.Grey : PictureColour.Rgb);
        int[] shape = [colour == PictureColour.Grey ? 1 : 3, height, width];
        var plan = PicturePlan.Of(new MediaInput("input", [-1, .. shape]), asked with { Layout = PictureLayout.Nchw, Colour = colour });
        var length = shape[0] * shape[1] * shape[2];
        var inputs = room.Take((long)files.Count * length);
        _ = Each(files, (file, place) =>
        {
            plan.Prepare(PictureFile.Read(file)).Values.CopyTo(inputs.Part((long)place * length, length));
            return true;
        });
        return new RawSamples(path, inputs, shape, LabelsOf(files, task))
        {
            Preprocessing = plan.Used,
            IsSizeFound = isFound,
            Notes = notes,
            Places = sample => Path.GetRelativePath(path, files[sample].Path),
        };
    }

    // Training pictures of one size are taken as they are; of several, or of more than a student can look at, their usual size says what
    // all become. Others become what those became, and where those had one size, another is a mistake.
    private static (Preprocessing Asked, bool IsFound) Sized(
        Preprocessing asked, RawSamples? learned, IReadOnlyList<LabelledFile> files, (int Width, int Height)[] sizes, List<string> notes)
    {
        var known = learned?.Preprocessing;
        var first = known is { Width: { } width, Height: { } height } ? (Width: width, Height: height) : sizes[0];
        var other = Array.FindIndex(sizes, size => size != first);
        var isFound = learned?.IsSizeFound ?? (other >= 0 || Math.Min(first.Width, first.Height) > LargestSide);
        if (!isFound)
            return other < 0 ? (asked with { Width = first.Width, Height = first.Height }, false) : throw new BuildException(
                $"{files[other].Path} is a picture of {sizes[other].Width}x{sizes[other].Height} pixels and those that are learned from of "
                    + $"{first.Width}x{first.Height}: say what all become, as with data.preprocessing: {{ width: {first.Width}, height: "
                    + $"{first.Height} }}, or move it away.");
        if (learned is null)
        {
            (width, height) = (Median(sizes.Select(size => size.Width)), Median(sizes.Select(size => size.Height)));
            var scale = Math.Min(1, FoundSide / (double)Math.Min(width, height));
            first = ((int)Math.Round(width * scale), (int)Math.Round(height * scale));
            notes.Add($"Pictures of {sizes.Distinct().Count():N0} {(other < 0 ? "size" : "sizes")}, {width}x{height} in the middle, become "
                + $"{first.Width}x{first.Height}, the middle of each; data.preprocessing (width, height, fit) says otherwise.");
        }
        // Most become much smaller: what stands between the points that are kept must count.
        return (asked with
        {
            Width = first.Width,
            Height = first.Height,
            Fit = asked.Fit ?? PictureFit.Crop,
            Resize = asked.Resize ?? PictureResize.Antialias,
        }, true);
    }

    private static int Median(IEnumerable<int> values) => values.Order().ElementAt(values.Count() / 2);

    private static RawSamples Sounds(
        string path, IReadOnlyList<LabelledFile> files, Preprocessing asked, RawSamples? learned, ModelTask? task, SampleRoom room)
    {
        static Sound Decoded(string file)
        {
            using var opened = File.OpenRead(file);
            return SoundFile.Read(opened);
        }
        // Those that fit memory are read once; the others are read again where they are wanted.
        var held = 0L;
        (Sound? Kept, int Length, int SampleRate)[] sounds = Each(files, file =>
        {
            var sound = Decoded(file);
            return (room.IsHeld(Interlocked.Add(ref held, sound.Length)) ? sound : null, sound.Length, sound.SampleRate);
        });
        int[] lengths = [.. sounds.Select(sound => sound.Length).Order()];
        var window = asked.Window ?? learned?.Preprocessing?.Window ?? lengths[(int)(WholeShare * (lengths.Length - 1))];
        var plan = SoundPlan.Of(new MediaInput("input", [-1, 1, window]), asked with
        {
            SampleRate = asked.SampleRate ?? learned?.Preprocessing?.SampleRate ?? sounds[0].SampleRate,
        });
        int[] counts = [.. sounds.Select(sound => asked.Window is null ? 1 : plan.WindowsOf(sound.Length))];
        var begins = new long[files.Count];
        for (var place = 1; place < begins.Length; place++) begins[place] = begins[place - 1] + (long)counts[place - 1] * window;
        var inputs = room.Take(begins[^1] + (long)counts[^1] * window);
        _ = Each(files, (file, place) =>
        {
            var sound = sounds[place].Kept ?? Decoded(file);
            // Where nobody says how long a sample is, a file is one, and what is behind its end is left out.
            var values = plan.Prepare(asked.Window is null ? sound.Beginning(window) : sound).Values;
            for (var start = 0; start < values.Length; start += window)
                values.AsSpan(start, window).CopyTo(inputs.Part(begins[place] + start, window));
            return true;
        });
        return new RawSamples(path, inputs, [1, window],
            LabelsOf(files.SelectMany((file, place) => Enumerable.Repeat(file, counts[place])), task))
        {
            Preprocessing = plan.Used,
            Windows = asked.Window is null ? null : plan.WindowsFor(window),
            Notes = asked.Window is null && learned is null && lengths[^1] > window
                ? [$"Sound of more than {window:N0} samples is cut behind: {lengths.Count(length => length > window):N0} of "
                    + $"{lengths.Length:N0} files. data.preprocessing.window says otherwise."]
                : [],
            // Windows of a file are alike: a cut keeps them together.
            Origins = Array.TrueForAll(counts, count => count == 1) ? null
                : [.. counts.SelectMany((count, place) => Enumerable.Repeat(place, count))],
        };
    }

    // A folder is a class whatever it is called.
    private static RawLabels LabelsOf(IEnumerable<LabelledFile> files, ModelTask? task)
    {
        string[] labels = [.. files.Select(file => file.Label)];
        return task == ModelTask.Regression ? RawLabels.Of(labels) : RawLabels.Named(labels);
    }

    private static T[] Each<T>(IReadOnlyList<LabelledFile> files, Func<string, T> read) => Each(files, (file, _) => read(file));

    // In any order, each to its place. Of several files that cannot be read the first is named, whichever was met first.
    private static T[] Each<T>(IReadOnlyList<LabelledFile> files, Func<string, int, T> read)
    {
        var (results, faults) = (new T[files.Count], new Exception?[files.Count]);
        Parallel.For(0, files.Count, place =>
        {
            try
            {
                results[place] = read(files[place].Path, place);
            }
            catch (Exception e) when (e is FormatException or IOException or UnauthorizedAccessException)
            {
                faults[place] = e is FormatException
                    ? new BuildException($"Data file {files[place].Path}: {e.Message}", e) : DataFiles.Unreadable(files[place].Path, e);
            }
        });
        return Array.Find(faults, fault => fault is not null) is { } first ? throw first : results;
    }
}
