import { Box, Text } from 'ink';
import { memo, type ReactElement } from 'react';
import type { Line } from '../output/line.ts';
import { usePaint } from './paint-context.ts';

/** Lines as exactly `height` rows of exactly `width` cells, one `<Text>` each; whatever is more is not drawn. */
export function Rows({ lines, width, height }: { readonly lines: readonly Line[]; readonly width: number; readonly height: number }): ReactElement {
  const paint = usePaint();
  return (
    <Box flexDirection="column" width={width} height={height} flexShrink={0} overflow="hidden">
      {Array.from({ length: height }, (_, index) => (
        <Row key={index} text={paint(lines[index] ?? [], width)} />
      ))}
    </Box>
  );
}

const Row = memo(function Row({ text }: { readonly text: string }): ReactElement {
  return <Text wrap="truncate">{text}</Text>;
});
