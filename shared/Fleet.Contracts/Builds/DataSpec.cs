using System.Text.Json.Serialization;
using Fleet.Contracts.Tasks;

namespace Fleet.Contracts.Builds;

/// <summary>Where samples have their channels.</summary>
[JsonConverter(typeof(CamelCaseEnumConverter<SampleLayout>))]
public enum SampleLayout
{
    /// <summary>In front of height and width, or of the length.</summary>
    ChannelsFirst,
    /// <summary>Behind them.</summary>
    ChannelsLast,
}

/// <summary>A data set. Paths are on the worker's machine; the CLI makes them absolute against the spec file.</summary>
public sealed record DataSpec
{
    /// <summary>That what there is says of which kind it is.</summary>
    public const string Auto = "auto";

    /// <summary>
    /// <c>vibration</c> (generated), <c>npz</c>, <c>npy</c>, <c>idx</c>, <c>csv</c>, <c>series</c>, <c>text</c>, <c>folder</c> (pictures or
    /// sound in files), <c>ucr</c>, <c>arff</c> or <c>ts</c> (a sample over time a line); <c>auto</c>: found out by what
    /// <see cref="Train"/> names.
    /// </summary>
    public string Kind { get; set; } = Auto;

    /// <summary>
    /// What the labels are for: <c>classification</c>, <c>multiLabel</c>, <c>regression</c>, <c>detection</c>, or <c>anomaly</c>, which
    /// learns from normal samples alone; absent: classification where labels are names, one-hot rows or whole numbers, unless these are of
    /// too many values to be classes.
    /// </summary>
    public ModelTask? Task { get; init; }

    /// <summary>The unit of the labels for people, such as <c>cycles</c> or <c>kW</c>; absent for none. Errors are told in it.</summary>
    public string? LabelUnit { get; init; }

    /// <summary>Which samples are normal, for task <c>anomaly</c>; absent: as the defaults say.</summary>
    public AnomalySpec? Anomaly { get; init; }

    /// <summary>
    /// Which outputs of a teacher that is given hold boxes, scores and classes, for detection, and from which score on boxes count; absent:
    /// as the defaults say. A student's outputs are <c>boxes</c> and <c>scores</c>.
    /// </summary>
    public DetectionForm? Detection { get; init; }

    /// <summary>
    /// Training inputs: npz, npy, IDX, CSV or JSON file (gz is read as such); of pictures or sound a folder that has one for each class, a
    /// folder of files named <c>LABEL_...</c>, or a CSV file with a column <c>file</c>.
    /// </summary>
    public string? Train { get; init; }

    /// <summary>
    /// Inputs without labels, of the kind and shape of <see cref="Train"/>, which the teacher is asked about: a student learns from its
    /// answers to them beside the labelled samples, or, without <see cref="Train"/>, from them alone. Labels in these files are not looked
    /// at. Of sound and pictures every file below the folder is a sample. For task <c>anomaly</c> all of them are normal, and stand in
    /// place of <see cref="Train"/>.
    /// </summary>
    public string? Unlabelled { get; init; }

    /// <summary>Training labels, where they are a file of their own (npy, idx).</summary>
    public string? TrainLabels { get; init; }

    /// <summary>Test inputs; absent: cut from the training samples.</summary>
    public string? Test { get; init; }

    /// <summary>Test labels.</summary>
    public string? TestLabels { get; init; }

    /// <summary>CSV: name of the label column. JSON of texts whose samples are objects: the key; absent: <c>label</c>.</summary>
    public string? LabelColumn { get; init; }

    /// <summary>
    /// CSV: names of the label columns where each sample has several numbers to predict, or a column for each class of which one is 1,
    /// instead of <see cref="LabelColumn"/>.
    /// </summary>
    public IReadOnlyList<string>? LabelColumns { get; init; }

    /// <summary>
    /// CSV: name of the column that says which thing a sample is of, such as a machine, a speaker or a patient. Samples of one thing stay
    /// together in every cut, so that a model is judged on things it has not seen. An npz file says it with an array <c>groups</c>.
    /// </summary>
    public string? GroupColumn { get; init; }

    /// <summary>
    /// How samples are cut where no test file is given: <c>random</c>, each class in proportion, or <c>time</c>, where the last samples of
    /// the file test and those before them validate; absent: random.
    /// </summary>
    public string? Split { get; init; }

    /// <summary>How a table over time is cut into samples, for kind <c>series</c>.</summary>
    public SeriesSpec? Series { get; init; }

    /// <summary>How texts are read, for kind <c>text</c>; absent: as the defaults say.</summary>
    public TextSpec? Text { get; init; }

    /// <summary>
    /// How pictures and sound become samples, for kind <c>folder</c>. Absent: pictures keep their size, which must be the same for all, and
    /// are grey when all of them are; sound is one sample a file, as long as 95 % of the training files are at most.
    /// </summary>
    public Preprocessing? Preprocessing { get; init; }

    /// <summary>
    /// What networks hear of sound; absent: log-mel bands of sound in files, where a sample is long enough for a window, and signals in
    /// arrays as they are.
    /// </summary>
    public FeatureSpec? Features { get; init; }

    /// <summary>How a table is read, for kind <c>csv</c>; absent: as the defaults say.</summary>
    public TableSpec? Table { get; init; }

    /// <summary>
    /// Where samples of npz and npy files have their channels; absent: last for pictures whose last axis alone is 1, 3 or 4, and for series
    /// that have at least four times as many moments and change less along these. A student takes channels first.
    /// </summary>
    public SampleLayout? Layout { get; init; }

    /// <summary>Shape of one sample, without the batch; absent: as the file has it. Images are channels, height, width.</summary>
    public IReadOnlyList<int>? SampleShape { get; init; }

    /// <summary>
    /// Class names. Labels that are numbers count through them, from 0 or from 1, unless the names are numbers too. Absent: the labels
    /// themselves.
    /// </summary>
    public IReadOnlyList<string>? Classes { get; init; }

    /// <summary>Samples to generate (vibration), or the most to read; 0 reads all.</summary>
    public int Samples { get; init; }

    /// <summary>
    /// Share of the training samples held out to choose the best epoch by, 0 to 0.5; 0: none is chosen, and networks are as their last step
    /// leaves them.
    /// </summary>
    public double ValidationShare { get; set; } = 0.1;

    /// <summary>
    /// Cross-validation, for few samples: the training samples are cut into so many folds, teacher and student are trained once without
    /// each, the epoch is taken that did best on what was left out on average, and then they learn from all samples. Takes the place of
    /// <see cref="ValidationShare"/>; absent: none.
    /// </summary>
    public int? Folds { get; init; }

    /// <summary>Share held out for the test scores when no test file is given, 0 to 0.5.</summary>
    public double TestShare { get; set; } = 0.2;

    /// <summary>
    /// True where test samples are drawn from all by the seed, so that another seed tests others. Anomalies all test, whatever the seed.
    /// </summary>
    [JsonIgnore]
    public bool CutsTest => Test is null && Text?.TestSplits is null && Split != "time" && Task is not ModelTask.Anomaly;

    /// <summary>What is learned from first: the labelled samples, or those without labels where there are no others.</summary>
    [JsonIgnore]
    public string? Learned => Train ?? Unlabelled;

    /// <summary>True where nothing to learn from has labels.</summary>
    [JsonIgnore]
    public bool IsUnlabelled => Kind != "vibration" && Train is null && Unlabelled is not null;

    /// <summary>Share of normal samples that may be above the threshold, where anomalies are sought.</summary>
    public double FalsePositiveRate() => Anomaly?.FalsePositiveRate ?? AnomalySpec.UsualFalsePositiveRate;

    /// <summary>The label columns of a CSV file, whichever form was written.</summary>
    public IReadOnlyList<string> AllLabelColumns() => LabelColumns ?? (LabelColumn is null ? [] : [LabelColumn]);
}
