using Fleet.Contracts.Scoring;

namespace Fleet.Modeling.Data;

/// <summary>
/// The cells of an image that a detector of ours answers for, and how boxes are laid out over them. An answer is one row: four
/// corners for each cell, cell by cell in reading order, then a score for each cell and class. Corners are shares of the image's
/// width and height.
/// </summary>
/// <remarks>
/// A box belongs to the cells near its centre, and a cell to the smallest box that claims it (Tian et al., FCOS, arXiv 1904.01355,
/// with the sampling of centres of its journal version, arXiv 2006.09214).
/// </remarks>
/// <param name="Rows">Cells from top to bottom.</param>
/// <param name="Columns">Cells from left to right.</param>
/// <param name="Classes">Kinds of things.</param>
internal sealed record DetectionGrid(int Rows, int Columns, int Classes)
{
    /// <summary>Names of the outputs that hold the two parts of an answer.</summary>
    public const string Boxes = "boxes", Scores = "scores";

    /// <summary>Values along an axis of the image for one cell: three steps of two.</summary>
    public const int Stride = 8;

    /// <summary>How far from a box's centre a cell may lie along each axis, in cells.</summary>
    private const float Reach = 1.5f;

    /// <summary>The grid over images of channels, height and width.</summary>
    public static DetectionGrid Over(IReadOnlyList<int> sampleShape, int classes)
        => new((sampleShape[1] - 1) / Stride + 1, (sampleShape[2] - 1) / Stride + 1, classes);

    /// <summary>Cells.</summary>
    public int Cells => Rows * Columns;

    /// <summary>Numbers of one answer that are corners; the scores follow.</summary>
    public int Corners => 4 * Cells;

    /// <summary>Numbers of one answer.</summary>
    public int Width => Corners + Cells * Classes;

    /// <summary>The centre of a cell.</summary>
    public (float X, float Y) CentreOf(int cell) => ((cell % Columns + 0.5f) / Columns, (cell / Columns + 0.5f) / Rows);

    /// <summary>Writes the answer that holds exactly these boxes: corners and scores at the cells of each, zeros elsewhere.</summary>
    /// <param name="boxes">The boxes, true ones with a score of 1.</param>
    /// <param name="answer"><see cref="Width"/> numbers.</param>
    public void Write(IEnumerable<DetectedBox> boxes, Span<float> answer)
    {
        answer.Clear();
        // The largest first: a smaller box takes its cells away.
        foreach (var found in boxes.Where(found => found.Box.HasArea).OrderByDescending(found => found.Box.Area))
        {
            var (box, x, y) = (found.Box, (found.Box.Left + found.Box.Right) / 2, (found.Box.Top + found.Box.Bottom) / 2);
            var own = Math.Clamp((int)(y * Rows), 0, Rows - 1) * Columns + Math.Clamp((int)(x * Columns), 0, Columns - 1);
            for (var cell = 0; cell < Cells; cell++)
            {
                var (centreX, centreY) = CentreOf(cell);
                var near = Math.Abs(centreX - x) * Columns <= Reach && Math.Abs(centreY - y) * Rows <= Reach;
                var inside = centreX > box.Left && centreX < box.Right && centreY > box.Top && centreY < box.Bottom;
                if (cell != own && !(near && inside)) continue;
                ReadOnlySpan<float> corners = [box.Left, box.Top, box.Right, box.Bottom];
                corners.CopyTo(answer[(4 * cell)..]);
                var scores = answer.Slice(Corners + cell * Classes, Classes);
                scores.Clear();
                scores[found.Class] = found.Score;
            }
        }
    }
}
